/**
 * The flow as the deployment's documentation tells it, as a Worker, for comparison only: receive the raw message, look up
 * the recipient (catch-all as well), get the JMAP session, upload, import; one after the other, each its own request.
 * Where the text leaves a choice it is the cheaper one: no budgets, no retries, no check of sizes, and the Inbox' id that
 * Stalwart gives it in every account is written down instead of asked for. The session is at the documented URL,
 * `/.well-known/jmap`, from where Stalwart redirects once; `SESSION_PATH` can name the place itself.
 */
export default { email };

/** What Email Routing hands over, as far as the flow needs it. */
interface Message {
  readonly to: string;
  readonly raw: ReadableStream<Uint8Array>;
  readonly setReject: (reason: string) => void;
}

interface Env {
  readonly JMAP_URL: string;
  readonly JMAP_TOKEN: string;
  readonly ACCESS_CLIENT_ID: string;
  readonly ACCESS_CLIENT_SECRET: string;
  readonly CATCH_ALL: string;
  readonly SESSION_PATH?: string;
}

interface Session {
  readonly apiUrl: string;
  readonly uploadUrl: string;
}

interface Responses<Result> {
  readonly methodResponses: readonly (readonly [name: string, result: Result, callId: string])[];
}

const CAPABILITIES = ["core", "mail", "principals"].map((name) => `urn:ietf:params:jmap:${name}`);
const DOCUMENTED_SESSION_PATH = "/.well-known/jmap";
const INBOX = "a";

async function email(message: Message, env: Env): Promise<void> {
  const raw = await new Response(message.raw).arrayBuffer();
  const account = (await lookUp(message.to, env)) ?? (env.CATCH_ALL ? await lookUp(env.CATCH_ALL, env) : undefined);
  if (account === undefined) {
    message.setReject("There is no such mailbox here.");
    return;
  }
  const session = await request<Session>(env, env.SESSION_PATH ?? DOCUMENTED_SESSION_PATH, { method: "GET" });
  const { blobId } = await request<{ blobId: string }>(
    env,
    new URL(session.uploadUrl.replace("{accountId}", account)).pathname,
    { method: "POST", body: raw },
    "message/rfc822",
  );
  const imported = await call<{ created?: object }>(env, new URL(session.apiUrl).pathname, "Email/import", {
    accountId: account,
    emails: { message: { blobId, mailboxIds: { [INBOX]: true }, keywords: {} } },
  });
  if (Object.keys(imported.created ?? {}).length === 0) throw new Error("not imported");
}

async function lookUp(address: string, env: Env): Promise<string | undefined> {
  const { ids } = await call<{ ids: string[] }>(env, "/jmap/", "Principal/query", { filter: { email: address } });
  return ids[0];
}

async function call<Result>(env: Env, path: string, method: string, args: object): Promise<Result> {
  const body = JSON.stringify({ using: CAPABILITIES, methodCalls: [[method, args, "0"]] });
  const { methodResponses } = await request<Responses<Result>>(env, path, { method: "POST", body });
  const [answer] = methodResponses;
  if (answer?.[0] !== method) throw new Error(`${method} failed`);
  return answer[1];
}

async function request<Result>(
  env: Env,
  path: string,
  init: { readonly method: string; readonly body?: string | ArrayBuffer },
  contentType = "application/json",
): Promise<Result> {
  const response = await fetch(new URL(path, env.JMAP_URL), {
    ...init,
    headers: {
      authorization: `Bearer ${env.JMAP_TOKEN}`,
      "cf-access-client-id": env.ACCESS_CLIENT_ID,
      "cf-access-client-secret": env.ACCESS_CLIENT_SECRET,
      "content-type": contentType,
    },
  });
  if (!response.ok) throw new Error(`status ${response.status}`);
  return (await response.json()) as Result;
}
