import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";

type Json = Record<string, unknown>;
type Objects = Map<string, Json>;

/** One JMAP server in memory with one account, that behaves like Stalwart where servers differ, and breaks on command. */
export interface FakeJmap {
  readonly url: string;
  readonly accountId: string;
  readonly objects: (type: string) => Objects;
  /** Puts a message there; returns its id. */
  readonly deliver: (raw: string | Buffer, mailboxes?: readonly string[], more?: Json) => string;
  readonly remove: (type: string, id: string) => void;
  /** Puts a Sieve script there; returns its id. */
  readonly script: (name: string, text: string, isActive?: boolean) => string;
  /** The text of every blob that it has. */
  readonly texts: () => readonly string[];
  readonly limits: { get: number; query: number };
  /** Whether it knows Blob/get (RFC 9404); of what it gives so, these blobs are left out. */
  blobs: { readonly without: readonly string[] } | undefined;
  /** What its session says differently. */
  session: Json;
  /** Whether answers come compressed to those who take it. */
  compresses: boolean;
  /** How many log entries `changes` still knows. */
  readonly forget: () => void;
  /** From now on it never knows what has changed. */
  readonly keepNoChanges: () => void;
  /** Takes so many changes back, as a restored server does. */
  readonly rewind: (count: number) => void;
  /** Asked before each request; what it returns is answered instead. */
  interrupt: (path: string, methods: readonly string[]) => Interruption | undefined;
  readonly log: string[];
  readonly close: () => Promise<void>;
}

/** `cut`: the request is done, and the connection breaks before the answer. */
export type Interruption =
  { readonly status: number; readonly type?: string; readonly headers?: Record<string, string> } | "cut" | "before";

const TYPES = {
  Mailbox: "urn:ietf:params:jmap:mail",
  Email: "urn:ietf:params:jmap:mail",
  Identity: "urn:ietf:params:jmap:submission",
  SieveScript: "urn:ietf:params:jmap:sieve",
  VacationResponse: "urn:ietf:params:jmap:vacationresponse",
  AddressBook: "urn:ietf:params:jmap:contacts",
  ContactCard: "urn:ietf:params:jmap:contacts",
  Calendar: "urn:ietf:params:jmap:calendars",
  CalendarEvent: "urn:ietf:params:jmap:calendars",
} as const;

export async function fakeJmap(): Promise<FakeJmap> {
  const store = new Map<string, Objects>(Object.keys(TYPES).map((type) => [type, new Map()]));
  const blobs = new Map<string, Buffer>();
  const changes: { type: string; id: string; what: "created" | "updated" | "destroyed" }[] = [];
  let [serial, forgotten] = [0, 0];
  const of = (type: string): Objects => store.get(type) ?? new Map<string, Json>();
  const state = () => `s${changes.length}`;
  const accountId = "c";

  const server = createServer((request, response) => {
    void answer(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  put("Mailbox", { id: "inbox", name: "Inbox", parentId: null, role: "inbox", sortOrder: 1, isSubscribed: true });
  put("VacationResponse", { id: "singleton", isEnabled: false, subject: null, textBody: null });

  const fake: FakeJmap = {
    url,
    accountId,
    objects: of,
    deliver,
    remove,
    script: (name, text, isActive = false) => put("SieveScript", { name, blobId: blobOf(text), isActive }),
    texts: () => [...blobs.values()].map((blob) => blob.toString()),
    limits: { get: 500, query: 5_000 },
    blobs: undefined,
    session: {},
    compresses: false,
    forget: () => (forgotten = changes.length),
    keepNoChanges: () => (forgotten = Infinity),
    rewind: (count) => void changes.splice(-count),
    interrupt: () => undefined,
    log: [],
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  return fake;

  function put(type: string, object: Json): string {
    const id = typeof object["id"] === "string" ? object["id"] : `${type.charAt(0).toLowerCase()}${(serial += 1)}`;
    changes.push({ type, id, what: of(type).has(id) ? "updated" : "created" });
    of(type).set(id, { ...object, id });
    return id;
  }

  function remove(type: string, id: string): void {
    of(type).delete(id);
    changes.push({ type, id, what: "destroyed" });
  }

  function blobOf(raw: string | Buffer): string {
    const content = Buffer.from(raw);
    const id = `b${createHash("sha256").update(content).digest("hex").slice(0, 20)}`;
    blobs.set(id, content);
    return id;
  }

  function deliver(raw: string | Buffer, mailboxes: readonly string[] = ["inbox"], more: Json = {}): string {
    return put("Email", {
      blobId: blobOf(raw),
      size: Buffer.byteLength(raw),
      mailboxIds: Object.fromEntries(mailboxes.map((id) => [id, true])),
      keywords: {},
      receivedAt: "2026-01-02T03:04:05Z",
      ...more,
    });
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(`${url}${request.url ?? "/"}`);
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const calls =
      pathname === "/jmap/"
        ? (JSON.parse(body.toString()) as { methodCalls: [string, Json, string][] }).methodCalls
        : [];
    const methods = calls.map(([method]) => method);
    fake.log.push(methods.length > 0 ? methods.join(" ") : `${request.method ?? ""} ${pathname.split("/")[2] ?? ""}`);
    const interruption = fake.interrupt(pathname, methods);
    if (interruption === "before") return void response.destroy();
    if (typeof interruption === "object") {
      response.writeHead(interruption.status, interruption.headers);
      return void response.end(JSON.stringify({ type: interruption.type ?? "about:blank", detail: "concurrent" }));
    }
    const content = contentOf(pathname, body, calls);
    if (interruption === "cut") return void response.destroy();
    if (content === undefined) response.writeHead(404);
    if (Buffer.isBuffer(content)) return void response.end(content);
    const json = JSON.stringify(content ?? {});
    if (!fake.compresses || request.headers["accept-encoding"] !== "gzip") return void response.end(json);
    response.setHeader("content-encoding", "gzip");
    response.end(gzipSync(json));
  }

  function contentOf(
    pathname: string,
    body: Buffer,
    calls: readonly [string, Json, string][],
  ): Json | Buffer | undefined {
    if (pathname === "/.well-known/jmap" || pathname === "/jmap/session") return session();
    if (pathname.startsWith("/jmap/download/")) return blobs.get(pathname.split("/")[4] ?? "");
    if (pathname.startsWith("/jmap/upload/")) return { blobId: blobOf(body), size: body.length };
    if (pathname !== "/jmap/") return undefined;
    const results: Json[] = [];
    return {
      methodResponses: calls.map(([method, args, id]) => {
        const result = call(method, resolved(args, results));
        results.push(result);
        return [typeof result["error"] === "string" ? "error" : method, errorOr(result), id];
      }),
    };
  }

  function session(): Json {
    const capabilities = Object.fromEntries([...new Set(Object.values(TYPES))].map((name) => [name, {}]));
    return {
      capabilities: {
        ...capabilities,
        ...(fake.blobs === undefined ? {} : { "urn:ietf:params:jmap:blob": {} }),
        "urn:ietf:params:jmap:core": { maxObjectsInGet: fake.limits.get, maxCallsInRequest: 16 },
      },
      accounts: { [accountId]: { name: "me@example.org", accountCapabilities: capabilities } },
      primaryAccounts: { "urn:ietf:params:jmap:mail": accountId },
      apiUrl: "/jmap/",
      downloadUrl: "/jmap/download/{accountId}/{blobId}/{name}?accept={type}",
      uploadUrl: "/jmap/upload/{accountId}/",
      ...fake.session,
    };
  }

  function resolved(args: Json, results: readonly Json[]): Json {
    const reference = args["#ids"] as { resultOf: string } | undefined;
    return reference === undefined ? args : { ...args, ids: results[Number(reference.resultOf)]?.["ids"] };
  }

  function call(method: string, args: Json): Json {
    const [type = "", verb = ""] = method.split("/");
    if (method === "Blob/get" && fake.blobs !== undefined) return blobsOf(args["ids"] as readonly string[]);
    if (!store.has(type)) return { error: "unknownMethod" };
    if (verb === "get") return get(type, args["ids"] as readonly string[] | null | undefined);
    if (verb === "query") return query(type, args);
    if (verb === "changes") return changesOf(type, String(args["sinceState"]));
    if (verb === "set") return set(type, args);
    if (method === "Email/import") return importEmails(args);
    return { error: "unknownMethod" };
  }

  function get(type: string, ids: readonly string[] | null | undefined): Json {
    if (ids === undefined) return { error: "invalidResultReference" };
    if (ids !== null && ids.length > fake.limits.get) return { error: "requestTooLarge" };
    const wanted = ids ?? [...of(type).keys()].slice(0, fake.limits.get);
    const list = wanted
      .flatMap<Json>((id) => of(type).get(id) ?? [])
      .map((object) => (type === "Mailbox" ? counted(object) : object));
    return { accountId, state: state(), list, notFound: wanted.filter((id) => !of(type).has(id)) };
  }

  function blobsOf(ids: readonly string[]): Json {
    const list = ids.flatMap((id) => {
      const content = fake.blobs?.without.includes(id) === true ? undefined : blobs.get(id);
      return content === undefined ? [] : [{ id, size: content.length, "data:asBase64": content.toString("base64") }];
    });
    return { accountId, list, notFound: ids.filter((id) => !list.some((blob) => blob.id === id)) };
  }

  function counted(mailbox: Json): Json {
    const id = String(mailbox["id"]);
    const totalEmails = [...of("Email").values()].filter((email) => (email["mailboxIds"] as Json)[id] === true).length;
    return { ...mailbox, totalEmails };
  }

  function query(type: string, { anchor, anchorOffset = 0, limit = Infinity }: Json): Json {
    const ids = [...of(type).keys()];
    const at = typeof anchor === "string" ? ids.indexOf(anchor) : 0;
    if (at < 0) return { error: "anchorNotFound" };
    const from = at + Number(anchorOffset);
    return { accountId, ids: ids.slice(from, from + Math.min(Number(limit), fake.limits.query)) };
  }

  function changesOf(type: string, since: string): Json {
    const from = Number(since.slice(1));
    if (!/^s\d+$/.test(since) || from < forgotten || from > changes.length) return { error: "cannotCalculateChanges" };
    const ids = { created: new Set<string>(), updated: new Set<string>(), destroyed: new Set<string>() };
    for (const { type: changed, id, what } of changes.slice(from)) if (changed === type) ids[what].add(id);
    const list = (name: keyof typeof ids) => [...ids[name]];
    return { newState: state(), created: list("created"), updated: list("updated"), destroyed: list("destroyed") };
  }

  function set(type: string, args: Json): Json {
    const [create, update] = [args["create"], args["update"]] as (Record<string, Json> | undefined)[];
    const created = Object.entries(create ?? {}).map(([name, object]) => [name, { id: put(type, object) }]);
    for (const [id, patch] of Object.entries(update ?? {})) {
      const object: Json = { ...of(type).get(id) };
      for (const [path, value] of Object.entries(patch)) {
        const [property = "", member] = path.split("/");
        if (member === undefined) object[property] = value;
        else object[property] = { ...(object[property] as Json), [member]: value };
      }
      put(type, { ...object, id });
    }
    if (typeof args["onSuccessActivateScript"] === "string")
      for (const [id, script] of of(type))
        of(type).set(id, { ...script, isActive: id === args["onSuccessActivateScript"] });
    return { created: Object.fromEntries(created) as Json, notUpdated: {}, newState: state() };
  }

  /** Like Stalwart's: the same bytes twice are two e-mails. */
  function importEmails({ ifInState, emails }: Json): Json {
    if (ifInState !== undefined && ifInState !== state()) return { error: "stateMismatch" };
    const created = Object.entries(emails as Record<string, Json>).map(
      ([name, { blobId, mailboxIds, keywords, receivedAt }]) => {
        const size = blobs.get(String(blobId))?.length;
        return [name, { id: put("Email", { blobId, size, mailboxIds, keywords, receivedAt }), blobId, size }];
      },
    );
    return { accountId, newState: state(), created: Object.fromEntries(created) as Json, notCreated: {} };
  }
}

function errorOr(result: Json): Json {
  return typeof result["error"] === "string" ? { type: result["error"] } : result;
}
