import type { Account, ImportResult, Mailbox, UploadedBlob } from "./deliver";
import { BUDGETS, call, isObject, jsonObject, platformFetch } from "./http";
import type { Budgets, Fetch, JsonObject } from "./http";
import { CORE, MAIL, openSession, PRINCIPALS } from "./session";
import type { Session } from "./session";
import { TransientError } from "./transient";

/** Where home is and how to be let in. */
export interface Connection {
  readonly jmapUrl: URL;
  readonly accessClientId: string;
  readonly accessClientSecret: string;
  readonly jmapToken: string;
}

export interface MailboxOptions {
  readonly fetch?: Fetch;
  readonly budgets?: Budgets;
  readonly now?: () => Date;
}

type MethodCall = readonly [name: string, args: JsonObject, callId: string];

/** The mailboxes of home over JMAP (RFC 8620, 8621). All calls share one time budget that starts now. */
export function createMailbox(connection: Connection, options: MailboxOptions = {}): Mailbox {
  const { fetch = platformFetch, budgets = BUDGETS, now = () => new Date() } = options;
  const { callMs, uploadMs, totalMs, answerBytes } = budgets;
  const signal = AbortSignal.timeout(totalMs);
  const headers = {
    authorization: `Bearer ${connection.jmapToken}`,
    "cf-access-client-id": connection.accessClientId,
    "cf-access-client-secret": connection.accessClientSecret,
    accept: "application/json",
  };
  let opened: Promise<Session> | undefined;

  return { find, upload, import: importMessage };

  function session(): Promise<Session> {
    return (opened ??= openSession(connection.jmapUrl, fetch, headers, { signal, callMs, answerBytes }));
  }

  async function find(addresses: readonly string[]): Promise<Account | undefined> {
    const { hasPrincipals, ownAccountId: accountId, accountsByName } = await session();
    const id = hasPrincipals
      ? firstDefined(await principals(accountId, addresses))
      : firstDefined(addresses.map((address) => accountsByName.get(address)));
    return id === undefined ? undefined : { id };
  }

  /** One query per address, because the answer to a combined one does not say which address matched. */
  async function principals(accountId: string, addresses: readonly string[]): Promise<readonly (string | undefined)[]> {
    const queries = addresses.map((email, index): MethodCall => {
      return ["Principal/query", { accountId, filter: { email } }, String(index)];
    });
    return (await methods("lookup", queries)).map((result) => soleId("lookup", result));
  }

  async function upload(message: ArrayBuffer, account: Account): Promise<UploadedBlob> {
    const current = await session();
    const url = current.uploadUrl(uploadAccount(current, account));
    const answer = await call(
      "upload",
      fetch,
      url,
      { method: "POST", headers: { ...headers, "content-type": "message/rfc822" }, body: message },
      { signal, callMs: uploadMs, answerBytes },
    );
    const { blobId, size } = jsonObject("upload", answer);
    if (typeof blobId !== "string") throw new TransientError("upload: no blob id in the answer");
    if (size !== message.byteLength) throw new TransientError("upload: the server stored another number of bytes");
    return { blobId };
  }

  async function importMessage(blob: UploadedBlob, account: Account): Promise<ImportResult> {
    const accountId = account.id;
    const [inboxes] = await methods("inbox", [["Mailbox/query", { accountId, filter: { role: "inbox" } }, "m"]]);
    const inbox = soleId("inbox", inboxes);
    if (inbox === undefined) throw new TransientError("inbox: the account has none");
    const receivedAt = now()
      .toISOString()
      .replace(/\.\d+Z$/, "Z");
    const email = { blobId: blob.blobId, mailboxIds: { [inbox]: true }, keywords: {}, receivedAt };
    const [result] = await methods("import", [["Email/import", { accountId, emails: { message: email } }, "i"]]);
    return importResult(result);
  }

  /** One API request; the arguments of the answers in the order of the calls. */
  async function methods(step: string, methodCalls: readonly MethodCall[]): Promise<readonly JsonObject[]> {
    const { apiUrl, hasPrincipals } = await session();
    const using = hasPrincipals ? [CORE, MAIL, PRINCIPALS] : [CORE, MAIL];
    const answer = await call(
      step,
      fetch,
      apiUrl,
      {
        method: "POST",
        headers: { ...headers, "content-type": "application/json" },
        body: JSON.stringify({ using, methodCalls }),
      },
      { signal, callMs, answerBytes },
    );
    const { methodResponses } = jsonObject(step, answer);
    return methodCalls.map((methodCall) => methodResult(step, methodCall, methodResponses));
  }
}

/**
 * With principals the key is a service account's that may write everywhere: uploads then go to its own account, because
 * Stalwart counts them against the upload quota of the account in the URL. Elsewhere a blob belongs to its account.
 */
function uploadAccount(session: Session, account: Account): string {
  return session.hasPrincipals ? session.ownAccountId : account.id;
}

function methodResult(step: string, [name, , callId]: MethodCall, responses: unknown): JsonObject {
  for (const response of array(responses) ?? []) {
    const [answered, args, id] = array(response) ?? [];
    if (id !== callId) continue;
    if (answered === "error") throw new TransientError(`${step}: ${errorType(args)}`);
    if (answered === name && isObject(args)) return args;
  }
  throw new TransientError(`${step}: the answer lacks ${name}`);
}

function importResult(result: JsonObject | undefined): ImportResult {
  const created = isObject(result?.["created"]) ? result["created"]["message"] : undefined;
  if (isObject(created) && typeof created["id"] === "string") return "imported";
  const failure = isObject(result?.["notCreated"]) ? result["notCreated"]["message"] : undefined;
  const type = errorType(failure);
  if (type === "alreadyExists") return "alreadyThere";
  if (type === "invalidEmail") return "invalid";
  throw new TransientError(`import: ${type}`);
}

function soleId(step: string, result: JsonObject | undefined): string | undefined {
  const ids = array(result?.["ids"]);
  if (ids === undefined) throw new TransientError(`${step}: the answer has no ids`);
  const [id, ...others] = ids;
  if (others.length > 0) throw new TransientError(`${step}: more than one match`);
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

function firstDefined<T>(values: readonly (T | undefined)[]): T | undefined {
  return values.find((value) => value !== undefined);
}
