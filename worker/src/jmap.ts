import { NOBODY_SAYS } from "./arrivals";
import type { AskArrival } from "./arrivals";
import type { Home, ImportOrder, ImportResult } from "./attempt";
import { BUDGETS } from "./budgets";
import type { Budgets } from "./budgets";
import { createCache } from "./cache";
import type { HomeCache } from "./cache";
import { call, isObject, jsonObject, platformFetch } from "./http";
import type { Answer, Fetch, JsonObject } from "./http";
import { CORE, MAIL, openSession, PRINCIPALS } from "./session";
import type { Session } from "./session";
import { TransientError } from "./transient";
import type { Trouble } from "./transient";

/** Where home is and how to be let in. */
export interface Connection {
  readonly jmapUrl: URL;
  readonly accessClientId: string;
  readonly accessClientSecret: string;
  readonly jmapToken: string;
  readonly catchAll: string | undefined;
}

export interface HomeOptions {
  readonly fetch?: Fetch;
  readonly budgets?: Budgets;
  /** What earlier messages learned; a new one otherwise. */
  readonly cache?: HomeCache;
  /** Absent: nobody can say. */
  readonly arrived?: AskArrival;
}

/** Home for one message: all its requests share one time budget, which starts when it is made. */
export interface JmapHome extends Home {
  /** Requests made so far. */
  readonly requests: () => number;
  /** Whether home says who it is when it is asked now, whatever is remembered of it. */
  readonly answers: () => Promise<boolean>;
}

type MethodCall = readonly [name: string, args: JsonObject, callId: string];

const UNAUTHORIZED = 401;
const FORBIDDEN = 403;

/** The mailboxes of home over JMAP (RFC 8620, 8621). */
export function createHome(connection: Connection, options: HomeOptions = {}): JmapHome {
  const { fetch = platformFetch, budgets = BUDGETS, cache = createCache(), arrived = NOBODY_SAYS } = options;
  const { callMs, uploadMs, totalMs, answerBytes } = budgets;
  const deadline = AbortSignal.timeout(totalMs);
  const headers = {
    authorization: `Bearer ${connection.jmapToken}`,
    "cf-access-client-id": connection.accessClientId,
    "cf-access-client-secret": connection.accessClientSecret,
    accept: "application/json",
  };
  let opened: Promise<Session> | undefined;
  let requests = 0;
  /** Something that was remembered took part. */
  let remembered = false;

  return { find, upload, inbox, import: importMessage, arrived, forget, requests: () => requests, answers };

  function counted(url: URL, init: RequestInit): Promise<Response> {
    requests++;
    return fetch(url, init);
  }

  async function session(): Promise<Session> {
    if (opened !== undefined) return await opened;
    const known = cache.session.get();
    if (known !== undefined) {
      remembered = true;
      return known;
    }
    opened = open();
    return await opened;
  }

  async function open(): Promise<Session> {
    const limits = { signal: deadline, callMs, answerBytes };
    const found = await openSession(connection.jmapUrl, counted, headers, limits);
    cache.session.set(found);
    return found;
  }

  async function answers(): Promise<boolean> {
    cache.session.drop();
    return await open().then(
      () => true,
      () => false,
    );
  }

  /**
   * The key's own account is nobody's with principals: the service account answers to an address of its own, and mail in it
   * would be mail that no person sees. Elsewhere the key is a person's.
   */
  async function find(addresses: readonly string[]): Promise<string | undefined> {
    const [recipient = ""] = addresses;
    const known = cache.accounts.get(recipient);
    if (known !== undefined) {
      remembered = true;
      return known;
    }
    const { hasPrincipals, ownAccountId, accountsByName } = await session();
    const ids = hasPrincipals
      ? (await principals(ownAccountId, addresses)).map((found) => (found === ownAccountId ? undefined : found))
      : addresses.map((address) => accountsByName.get(address));
    const index = ids.findIndex((id) => id !== undefined);
    const id = ids[index];
    // Remembering the catch-all's account for an address would be remembering that the address is unknown.
    const isOwn = index === 0 || addresses[index] !== connection.catchAll;
    if (id !== undefined && isOwn) cache.accounts.set(recipient, id);
    return id;
  }

  /** One query per address, because the answer to a combined one does not say which address matched. */
  async function principals(accountId: string, addresses: readonly string[]): Promise<readonly (string | undefined)[]> {
    const queries = addresses.map((email, index): MethodCall => {
      return ["Principal/query", { accountId, filter: { email } }, String(index)];
    });
    return (await methods("lookup", queries)).map((result) => soleId("lookup", result));
  }

  /**
   * With principals the key is a service account's that may write everywhere: uploads then go to its own account, because
   * Stalwart counts them against the upload quota of the account in the URL. Elsewhere a blob belongs to its account.
   */
  async function upload(
    message: Uint8Array,
    account: Promise<string | undefined>,
    unneeded: AbortSignal,
  ): Promise<string> {
    const { hasPrincipals, ownAccountId, uploadUrl } = await session();
    const owner = hasPrincipals ? ownAccountId : await account;
    if (owner === undefined) throw new TransientError("upload: nobody to upload for", "message");
    const answer = await call(
      "upload",
      counted,
      uploadUrl(owner),
      { method: "POST", headers: { ...headers, "content-type": "message/rfc822" }, body: message },
      { signal: AbortSignal.any([deadline, unneeded]), callMs: uploadMs, answerBytes },
    );
    const { blobId, size } = accepted("upload", answer);
    if (typeof blobId !== "string") throw new TransientError("upload: no blob id in the answer");
    if (size !== message.byteLength) throw new TransientError("upload: the server stored another number of bytes");
    return blobId;
  }

  async function inbox(accountId: string): Promise<string> {
    const known = cache.inboxes.get(accountId);
    if (known !== undefined) {
      remembered = true;
      return known;
    }
    const [inboxes] = await methods("inbox", [["Mailbox/query", { accountId, filter: { role: "inbox" } }, "m"]]);
    const id = soleId("inbox", inboxes);
    if (id === undefined) throw new TransientError("inbox: the account has none", "message");
    cache.inboxes.set(accountId, id);
    return id;
  }

  async function importMessage({ accountId, mailboxId, blobId, receivedAt }: ImportOrder): Promise<ImportResult> {
    // What was never sent has certainly not happened.
    if (deadline.aborted) throw new TransientError("import: no time left");
    const email = { blobId, mailboxIds: { [mailboxId]: true }, keywords: {}, receivedAt: utcDate(receivedAt) };
    const [result] = await methods("import", [["Email/import", { accountId, emails: { message: email } }, "i"]]);
    return importResult(result);
  }

  function forget(addresses: readonly string[]): boolean {
    const [recipient = ""] = addresses;
    const accountId = cache.accounts.get(recipient);
    if (accountId !== undefined) cache.inboxes.drop(accountId);
    cache.accounts.drop(recipient);
    cache.session.drop();
    opened = undefined;
    const again = remembered;
    remembered = false;
    return again;
  }

  /** One API request; the arguments of the answers in the order of the calls. */
  async function methods(step: string, methodCalls: readonly MethodCall[]): Promise<readonly JsonObject[]> {
    const { apiUrl, hasPrincipals } = await session();
    const using = hasPrincipals ? [CORE, MAIL, PRINCIPALS] : [CORE, MAIL];
    const answer = await call(
      step,
      counted,
      apiUrl,
      {
        method: "POST",
        headers: { ...headers, "content-type": "application/json" },
        body: JSON.stringify({ using, methodCalls }),
      },
      { signal: deadline, callMs, answerBytes },
    );
    const { methodResponses } = accepted(step, answer);
    return methodCalls.map((methodCall) => methodResult(step, methodCall, methodResponses));
  }

  function accepted(step: string, answer: Answer): JsonObject {
    // The key may have another account next time, or another server may answer.
    if (answer.status === UNAUTHORIZED || answer.status === FORBIDDEN) cache.session.drop();
    return jsonObject(step, answer);
  }
}

/** RFC 8620 §1.4: no fraction when it would be zero; whole seconds are what mail has. */
function utcDate(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/\.\d+Z$/, "Z");
}

/** Stalwart answers serverUnavailable for an account id that does not exist: measured. */
const UNKNOWN_ACCOUNT = new Set(["accountNotFound", "serverUnavailable"]);

function methodResult(step: string, [name, , callId]: MethodCall, responses: unknown): JsonObject {
  for (const response of array(responses) ?? []) {
    const [answered, args, id] = array(response) ?? [];
    if (id !== callId) continue;
    if (answered === "error") throw methodError(step, errorType(args));
    if (answered === name && isObject(args)) return args;
  }
  throw new TransientError(`${step}: the answer lacks ${name}`, "home", true);
}

/** RFC 8620 §3.6.2: after serverPartialFail something may have been done, after every other error nothing was. */
function methodError(step: string, type: string): TransientError {
  const home = type === "serverFail" || type === "serverPartialFail";
  const trouble: Trouble = UNKNOWN_ACCOUNT.has(type) ? "stale" : home ? "home" : "message";
  return new TransientError(`${step}: ${type}`, trouble, type === "serverPartialFail");
}

function importResult(result: JsonObject | undefined): ImportResult {
  const created = isObject(result?.["created"]) ? result["created"]["message"] : undefined;
  if (isObject(created) && typeof created["id"] === "string") return "imported";
  const failure = isObject(result?.["notCreated"]) ? result["notCreated"]["message"] : undefined;
  const type = errorType(failure);
  if (type === "alreadyExists") return "alreadyThere";
  if (type === "invalidEmail") return "invalid";
  throw new TransientError(`import: ${type}`, isUnknownMailbox(failure) ? "stale" : "message", failure === undefined);
}

function isUnknownMailbox(failure: unknown): boolean {
  const properties = isObject(failure) ? array(failure["properties"]) : undefined;
  return properties?.includes("mailboxIds") ?? false;
}

function soleId(step: string, result: JsonObject | undefined): string | undefined {
  const ids = array(result?.["ids"]);
  if (ids === undefined) throw new TransientError(`${step}: the answer has no ids`);
  const [id, ...others] = ids;
  if (others.length > 0) throw new TransientError(`${step}: more than one match`, "message");
  if (id !== undefined && typeof id !== "string") throw new TransientError(`${step}: an id is not text`);
  return id;
}

/** Error types are identifiers; anything else in their place could be content and must not reach a log. */
function errorType(error: unknown): string {
  const type = isObject(error) ? error["type"] : undefined;
  return typeof type === "string" && /^[A-Za-z]{1,40}$/.test(type) ? type : "unnamed error";
}

function array(value: unknown): readonly unknown[] | undefined {
  return Array.isArray(value) ? (value as readonly unknown[]) : undefined;
}
