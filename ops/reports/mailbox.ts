import { MAX_MAIL_BYTES } from "./mail";

/** A fact that stops the command, in words for the operator. */
export class ReportsError extends Error {
  override readonly name = "ReportsError";
}

export interface Login {
  /** Origin of the JMAP server, `https://stalwart.example.org`. */
  readonly server: URL;
  readonly user: string;
  readonly password: string;
}

/** A mail that may hold a report. */
export interface FoundMail {
  readonly kind: "mail";
  readonly subject: string;
  readonly receivedAt: string;
  readonly raw: Uint8Array;
}

/** What reading the mailbox gives: a mail, one that could not be fetched, or the reason why there are no more. */
export type Found =
  | FoundMail
  | { readonly kind: "unread"; readonly subject: string; readonly receivedAt: string; readonly reason: string }
  | { readonly kind: "limit"; readonly reason: string };

const CORE = "urn:ietf:params:jmap:core";
const MAIL = "urn:ietf:params:jmap:mail";
const REQUEST_BUDGET_MS = 60_000;
const MAX_ANSWER_BYTES = 10 * 1024 * 1024;
const MAX_REDIRECTS = 2;
const PAGE = 200;
/** Of all mail of the account; only that to the report addresses is fetched. */
const MAX_MAILS = 200_000;
/** Mails that arrive or are deleted meanwhile move the others from page to page. */
const OVERLAP = 20;

/** RFC 7489 section 7.2.1.1 and RFC 8460 section 5.3 prescribe `Report Domain:`; not everybody keeps to it. */
const SUBJECT = /report[ -]domain:|\b(?:dmarc|tls-?rpt)\b/i;

/**
 * The mails since a moment that are addressed to one of the report addresses, or say that they are reports, in any mailbox of
 * the account (RFC 8620, 8621). Nothing is changed, not even whether they are read. The server's origin is never left.
 *
 * @throws ReportsError
 */
export async function* reportMails(
  login: Login,
  addresses: readonly string[],
  since: Date,
): AsyncGenerator<Found, void, undefined> {
  const session = await openSession(login);
  const { accountId } = session;
  const seen = new Set<string>();
  const get = (name: string, args: Json) => method(login, session.apiUrl, name, { accountId, ...args });
  let oldest = "";
  for (let position = 0; position < MAX_MAILS;) {
    const filter = { after: since.toISOString().replace(/\.\d+/, "") };
    const sort = [{ property: "receivedAt", isAscending: false }];
    const { ids } = await get("Email/query", { filter, sort, position, limit: PAGE });
    if (!Array.isArray(ids)) throw unusable(login, "its answer is not a list of mails");
    const unseen = (ids as readonly unknown[]).map(String).filter((id) => !seen.has(id));
    // A page of known mails only: the end, or a server that returns the same page forever.
    if (unseen.length === 0) return;
    const { list: emails } = await get("Email/get", { ids: unseen, properties: PROPERTIES });
    if (!Array.isArray(emails)) throw unusable(login, "its answer is not a list of mails");
    for (const email of emails as readonly unknown[]) {
      if (!isObject(email)) continue;
      oldest = textOf(email["receivedAt"]);
      if (isCandidate(email, addresses)) yield await fetched(login, session, email);
    }
    for (const id of unseen) seen.add(id);
    position += Math.max(1, ids.length - (ids.length > OVERLAP ? OVERLAP : 0));
  }
  yield {
    kind: "limit",
    reason: `only the newest ${MAX_MAILS} mails of the account were looked at, back to ${oldest}`,
  };
}

/** Where mail programs, lists and the edge write whom a mail is for. */
const RECIPIENTS = ["To", "Cc", "Delivered-To", "X-Original-To"].map((name) => `header:${name}`);
const PROPERTIES = ["id", "blobId", "size", "receivedAt", "subject", ...RECIPIENTS];

function isCandidate(email: Json, addresses: readonly string[]): boolean {
  const to = RECIPIENTS.map((name) => textOf(email[name]).toLowerCase());
  return (
    SUBJECT.test(textOf(email["subject"])) ||
    addresses.some((address) => to.some((text) => text.includes(address.toLowerCase())))
  );
}

async function fetched(login: Login, { downloadUrl }: Session, email: Json): Promise<Found> {
  const about = { subject: textOf(email["subject"]), receivedAt: textOf(email["receivedAt"]) };
  const size = typeof email["size"] === "number" ? email["size"] : Infinity;
  if (size > MAX_MAIL_BYTES)
    return { kind: "unread", ...about, reason: `the mail has more than ${MAX_MAIL_BYTES} bytes and was not fetched` };
  const raw = await download(login, downloadUrl(String(email["blobId"])));
  return raw === undefined
    ? { kind: "unread", ...about, reason: "the server no longer has it" }
    : { kind: "mail", ...about, raw };
}

interface Session {
  readonly apiUrl: URL;
  readonly downloadUrl: (blobId: string) => URL;
  readonly accountId: string;
}

async function openSession(login: Login): Promise<Session> {
  const session = jsonOf(login, await request(login, new URL("/.well-known/jmap", login.server)));
  const { apiUrl, downloadUrl, primaryAccounts } = session;
  const accountId = isObject(primaryAccounts) ? primaryAccounts[MAIL] : undefined;
  if (typeof apiUrl !== "string" || typeof downloadUrl !== "string") throw unusable(login, "it gives no JMAP session");
  // Servers answer strangers as well, only without accounts.
  if (typeof accountId !== "string") throw refused(login);
  return {
    accountId,
    apiUrl: onServer(login, apiUrl),
    downloadUrl: (blobId) =>
      onServer(
        login,
        downloadUrl
          .replaceAll("{accountId}", () => encodeURIComponent(accountId))
          .replaceAll("{blobId}", () => encodeURIComponent(blobId))
          .replaceAll("{name}", "mail.eml")
          .replaceAll("{type}", "application%2Foctet-stream"),
      ),
  };
}

/** The path only: whatever the server calls itself, the password goes where the operator sent it. */
function onServer(login: Login, url: string): URL {
  if (!URL.canParse(url, login.server.href)) throw unusable(login, "its session names an unusable URL");
  const { pathname, search } = new URL(url, login.server);
  const result = new URL(login.server.origin);
  result.pathname = pathname;
  result.search = search;
  return result;
}

async function method(login: Login, apiUrl: URL, name: string, args: Json): Promise<Json> {
  const body = JSON.stringify({ using: [CORE, MAIL], methodCalls: [[name, args, "0"]] });
  const init = { method: "POST", body, headers: { "content-type": "application/json" } };
  const { methodResponses } = jsonOf(login, await request(login, apiUrl, init));
  const response: unknown = Array.isArray(methodResponses) ? methodResponses[0] : undefined;
  const [answered, result]: readonly unknown[] = Array.isArray(response) ? (response as readonly unknown[]) : [];
  if (!isObject(result)) throw unusable(login, "its answer is not JMAP");
  if (answered === "error") throw unusable(login, `it refuses ${name} with ${textOf(result["type"])}`);
  return result;
}

interface Init {
  readonly method?: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

async function request(login: Login, url: URL, init: Init = {}): Promise<Uint8Array> {
  const answer = await asked(login, url, init);
  if (answer.ok) return bounded(login, answer, MAX_ANSWER_BYTES);
  throw unusable(login, `it answers with status ${answer.status}`);
}

/** A mail; undefined when it was deleted meanwhile. */
async function download(login: Login, url: URL): Promise<Uint8Array | undefined> {
  const answer = await asked(login, url, {});
  if (answer.ok) return bounded(login, answer, MAX_MAIL_BYTES);
  await answer.body?.cancel();
  if (answer.status === 404) return undefined;
  throw unusable(login, `it answers with status ${answer.status}`);
}

async function asked(login: Login, url: URL, init: Init): Promise<Response> {
  const authorization = `Basic ${Buffer.from(`${login.user}:${login.password}`).toString("base64")}`;
  const signal = AbortSignal.timeout(REQUEST_BUDGET_MS);
  for (let target = url, redirects = 0; ; redirects += 1) {
    const answer = await fetch(target, {
      ...init,
      headers: { ...init.headers, authorization, accept: "*/*" },
      redirect: "manual",
      signal,
    }).catch((error: unknown) => {
      throw unusable(login, `it does not answer (${reasonOf(error)})`);
    });
    const location = answer.headers.get("location");
    if (answer.status >= 300 && answer.status < 400 && location !== null && URL.canParse(location, target.href)) {
      const next = new URL(location, target);
      if (next.origin !== login.server.origin) throw unusable(login, `it sends you to ${next.origin}`);
      if (redirects >= MAX_REDIRECTS) throw unusable(login, "it redirects too often");
      target = next;
      continue;
    }
    if (answer.status === 401 || answer.status === 403) throw refused(login);
    return answer;
  }
}

async function bounded(login: Login, answer: Response, limit: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of answer.body ?? []) {
      size += (chunk as Uint8Array).byteLength;
      if (size > limit) break;
      chunks.push(chunk as Uint8Array);
    }
  } catch (error) {
    throw unusable(login, `its answer breaks off (${reasonOf(error)})`);
  }
  if (size > limit) throw unusable(login, `its answer has more than ${limit} bytes`);
  return Buffer.concat(chunks);
}

type Json = Readonly<Record<string, unknown>>;

function jsonOf(login: Login, bytes: Uint8Array): Json {
  try {
    const value = JSON.parse(new TextDecoder().decode(bytes)) as unknown;
    if (isObject(value)) return value;
  } catch {
    // Below.
  }
  throw unusable(login, "its answer is not JSON");
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function refused({ server, user }: Login): ReportsError {
  return new ReportsError(
    `${server.origin} does not take the password of ${user}. No report was read. Set MAIL_PASSWORD to an app password of ` +
      "that account, and MAIL_USER if the reports go to another one.",
  );
}

function unusable({ server }: Login, fact: string): ReportsError {
  return new ReportsError(
    `The reports cannot be fetched from ${server.origin}: ${fact}. Nothing was changed. Look whether it is up: ` +
      `curl -sI ${server.origin}/healthz/live`,
  );
}

/** undici hides the reason in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  const { cause } = error;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : undefined;
  return code ?? error.message;
}
