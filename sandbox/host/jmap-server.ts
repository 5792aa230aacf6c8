import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createDirectory, WRONG_PLACE } from "./accounts";
import type { AccountOptions, ApiKeyOptions, Caller, Directory, RecoveryAdmin } from "./accounts";
import { answerRequest, Problem, sessionObject } from "./jmap-request";
import { createMailStore } from "./mail-store";
import type { MailStore, StoredMessage } from "./mail-store";
import { clientOf } from "./registry/addresses";
import { type Bans, bansOf } from "./registry/bans";
import { directoryOf } from "./registry/directory";
import type { Registry } from "./registry/registry";

export type JmapServerOptions = ServerOptions & (FixedAccounts | RegistryAccounts);

interface ServerOptions {
  /** The server's own idea of its URL; it is in the session whatever name a client used. */
  readonly publicUrl: string;
  /** Every message of an Inbox is written to `<mailFolder>/<address>/Inbox/NNNN.eml`. */
  readonly mailFolder?: string;
  /** Where the mail is; absent: a new one. */
  readonly store?: MailStore;
}

/** Accounts that are there from the start and stay as they are. */
interface FixedAccounts {
  readonly domain: string;
  readonly accounts: readonly AccountOptions[];
  /** Absent: no key is valid. */
  readonly apiKey?: ApiKeyOptions;
  readonly recoveryAdmin?: RecoveryAdmin;
}

/** Accounts and keys are objects of a registry, which the server's own methods change. */
interface RegistryAccounts {
  readonly registry: Registry;
  readonly recoveryAdmin?: RecoveryAdmin;
}

export interface JmapServer {
  /** On loopback. */
  readonly port: number;
  /** The messages of the account that has this address, oldest first. */
  readonly mailbox: (address: string) => readonly StoredMessage[];
  /** Connections are refused until `resume`; the mail stays. */
  readonly pause: () => Promise<void>;
  readonly resume: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Starts the mail host's JMAP server: a model of Stalwart 0.16 as far as delivery and a look into the mailbox need it. */
export async function createJmapServer(options: JmapServerOptions): Promise<JmapServer> {
  const registry = "registry" in options ? options.registry : undefined;
  const directory =
    "registry" in options
      ? directoryOf(options.registry, options.recoveryAdmin)
      : createDirectory(options.domain, options.accounts, options.apiKey, options.recoveryAdmin);
  const store = options.store ?? createMailStore(options.mailFolder);
  const bans = registry && bansOf(registry);
  const server = createServer((request, response) => {
    answer(request, { directory, store, registry, bans, publicUrl: options.publicUrl })
      .catch(asProblem)
      .then((reply) => send(response, reply))
      .catch(() => response.destroy());
  });
  const listen = (port: number) =>
    new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, "127.0.0.1", () => {
        server.off("error", reject);
        resolve();
      });
    });
  await listen(0);
  const { port } = server.address() as AddressInfo;

  return { port, mailbox, pause, resume: () => listen(port), close: pause };

  function mailbox(address: string): readonly StoredMessage[] {
    const account = directory.byAddress(address.toLowerCase());
    if (account === undefined) throw new Error(`The mail host has no account ${address}.`);
    return store.messages(account);
  }

  function pause(): Promise<void> {
    if (!server.listening) return Promise.resolve();
    return new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }
}

interface Host {
  readonly directory: Directory;
  readonly store: MailStore;
  readonly registry: Registry | undefined;
  /** Undefined: nobody is ever banned. */
  readonly bans: Bans | undefined;
  readonly publicUrl: string;
}

interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | object;
}

const MAX_UPLOAD_BYTES = 50_000_000;

async function answer(request: IncomingMessage, host: Host): Promise<Reply> {
  const { method = "GET" } = request;
  const { pathname } = new URL(request.url ?? "/", host.publicUrl);
  const body = await readBody(request);
  if (host.bans?.isBanned(clientOfRequest(request)) === true) throw new Problem(403, "Forbidden");
  if (pathname === "/.well-known/jmap") return { status: 307, headers: { location: "/jmap/session" } };
  if (pathname === "/healthz/live" || pathname === "/healthz/ready")
    return { status: 200, body: { detail: "OK", status: 200 } };
  if (method === "OPTIONS" && pathname.startsWith("/jmap")) return { status: 204 };
  if (method === "GET" && pathname === "/jmap/session") return { status: 200, body: session(request, host) };
  if (method === "POST" && /^\/jmap\/?$/.test(pathname)) {
    const caller = authenticate(request, host);
    return { status: 200, body: answerRequest(body, request.headers["content-type"], caller, host) };
  }
  const upload = /^\/jmap\/upload\/([^/]+)\/?$/.exec(pathname);
  if (method === "POST" && upload) return storeUpload(decodeURIComponent(upload[1] ?? ""), body, request, host);
  const download = /^\/jmap\/download\/([^/]+)\/([^/]+)(?:\/[^/]*)?$/.exec(pathname);
  if (method === "GET" && download) return sendBlob(download[1] ?? "", download[2] ?? "", request, host);
  // The path as requested decides, not as a client would normalise it.
  host.bans?.asked(request.url?.split("?", 1)[0] ?? "/", clientOfRequest(request));
  if (!pathname.endsWith("/")) return { status: 302, headers: { location: `${pathname}/` } };
  throw new Problem(404, "Not Found");
}

function session(request: IncomingMessage, host: Host): object {
  const caller = request.headers.authorization === undefined ? undefined : authenticate(request, host);
  return sessionObject(host.publicUrl, caller?.account);
}

/** Any account id is taken, even one that does not exist, and its upload quota is used: measured. */
function storeUpload(accountId: string, body: Buffer, request: IncomingMessage, host: Host): Reply {
  const { store } = host;
  const caller = authenticate(request, host);
  if (body.length > MAX_UPLOAD_BYTES) throw new Problem(413, "Payload Too Large");
  const blobId = store.upload(accountId, body, caller.may("unlimitedUploads"));
  if (blobId === undefined) throw new Problem(429, "Quota exceeded");
  const type = request.headers["content-type"] ?? "application/octet-stream";
  return { status: 200, body: { accountId, blobId, type, size: body.length } };
}

function sendBlob(accountId: string, blobId: string, request: IncomingMessage, host: Host): Reply {
  const caller = authenticate(request, host);
  const blob = host.store.blob(blobId);
  const isAllowed = accountId === caller.account.id || caller.may("impersonate");
  if (blob === undefined || !isAllowed) throw new Problem(404, "Not Found");
  return { status: 200, headers: { "content-type": "application/octet-stream" }, body: blob };
}

function authenticate(request: IncomingMessage, { directory, bans }: Host): Caller {
  const { authorization = "" } = request.headers;
  const from = clientOfRequest(request);
  const caller = directory.authenticate(authorization, from);
  if (caller === undefined || caller === WRONG_PLACE) {
    // Wrong bearer tokens do not count: 120 of them, measured. Those from a wrong place do.
    const counts = caller === WRONG_PLACE || /^basic /i.test(authorization);
    if (counts && bans?.failed(loginIn(authorization), from) === true)
      throw new Problem(429, "Too Many Authentication Attempts");
    throw caller === WRONG_PLACE ? new Problem(403, "Forbidden") : new Problem(401, "Unauthorized");
  }
  if (!caller.may("authenticate")) throw new Problem(403, "Forbidden");
  return caller;
}

function clientOfRequest({ headers, socket }: IncomingMessage): string {
  const named = { forwarded: headers.forwarded, "x-forwarded-for": headers["x-forwarded-for"]?.toString() };
  return clientOf(named, socket.remoteAddress ?? "127.0.0.1");
}

/** Empty for a bearer token. */
function loginIn(authorization: string): string {
  const [scheme = "", credentials = ""] = authorization.split(" ", 2);
  return /^basic$/i.test(scheme) ? (Buffer.from(credentials, "base64").toString("utf8").split(":", 1)[0] ?? "") : "";
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function asProblem(error: unknown): Reply {
  const { status, title, type, detail } = error instanceof Problem ? error : new Problem(500, "Internal Server Error");
  const headers = { "content-type": "application/problem+json" };
  return {
    status,
    headers: status === 401 ? { ...headers, "www-authenticate": "Basic" } : headers,
    body: { type, status, title, ...(detail === undefined ? {} : { detail }) },
  };
}

function send(response: ServerResponse, { status, headers = {}, body }: Reply): void {
  const content = body === undefined || Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
  response.writeHead(status, {
    "content-type": "application/json",
    ...headers,
    "content-length": content?.length ?? 0,
  });
  response.end(content);
}
