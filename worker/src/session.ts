import { call, isObject, jsonObject } from "./http";
import type { Answer, Fetch, JsonObject, Limits } from "./http";
import { TransientError } from "./transient";

export const CORE = "urn:ietf:params:jmap:core";
export const MAIL = "urn:ietf:params:jmap:mail";
/** RFC 9670. */
export const PRINCIPALS = "urn:ietf:params:jmap:principals";

/** What the server says about itself (RFC 8620 §2), reduced to what delivery uses. */
export interface Session {
  readonly apiUrl: URL;
  readonly uploadUrl: (accountId: string) => URL;
  /** Of the key that asks. */
  readonly ownAccountId: string;
  /** Lower-case address -> account id, of every account the key sees. */
  readonly accountsByName: ReadonlyMap<string, string>;
  readonly hasPrincipals: boolean;
}

/** Stalwart redirects once, from `/.well-known/jmap`. */
const MAX_REDIRECTS = 2;

/** Fetches the session from `base`, whose origin is never left. */
export async function openSession(
  base: URL,
  fetch: Fetch,
  headers: Record<string, string>,
  limits: Limits,
): Promise<Session> {
  let url = new URL("/.well-known/jmap", base);
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const answer = await call("session", fetch, url, { method: "GET", headers }, limits);
    const next = redirectTarget(answer, url);
    if (next === undefined) return parseSession(jsonObject("session", answer), base);
    // The login page of Access is such a place: the service token is not accepted.
    if (next.origin !== base.origin) throw new TransientError("session: redirected to another origin");
    url = next;
  }
  throw new TransientError("session: too many redirects");
}

/** Reads a session object. URLs keep their path only: the origin is `base`, whatever the server calls itself. */
export function parseSession(session: JsonObject, base: URL): Session {
  const { apiUrl, uploadUrl, accounts, primaryAccounts, capabilities } = session;
  if (typeof apiUrl !== "string" || typeof uploadUrl !== "string" || !isObject(accounts) || !isObject(capabilities))
    throw new TransientError("session: not a JMAP session");
  const [firstAccountId] = Object.keys(accounts);
  // Servers answer strangers as well, only without accounts; then every recipient would look unknown.
  if (firstAccountId === undefined) throw new TransientError("session: no accounts, the key was not recognised");
  const primary = isObject(primaryAccounts) ? primaryAccounts[MAIL] : undefined;
  return {
    apiUrl: onOrigin(apiUrl, base),
    uploadUrl: (accountId) => onOrigin(uploadUrl.replaceAll("{accountId}", encodeURIComponent(accountId)), base),
    ownAccountId: typeof primary === "string" ? primary : firstAccountId,
    accountsByName: new Map(Object.entries(accounts).flatMap(([id, account]) => named(id, account))),
    hasPrincipals: PRINCIPALS in capabilities,
  };
}

function named(id: string, account: unknown): [string, string][] {
  return isObject(account) && typeof account["name"] === "string" ? [[account["name"].toLowerCase(), id]] : [];
}

/** Stalwart names its public URL in the session; taking it as it is would go around the hostname that Access protects. */
function onOrigin(url: string, base: URL): URL {
  if (!URL.canParse(url, base.href)) throw new TransientError("session: names an unusable URL");
  const { pathname, search } = new URL(url, base);
  const result = new URL(base.origin);
  // Assigned, not resolved, so that a path of the form `//host/` stays a path.
  result.pathname = pathname;
  result.search = search;
  return result;
}

function redirectTarget(answer: Answer, from: URL): URL | undefined {
  if (answer.status < 300 || answer.status > 399) return undefined;
  if (answer.location === null || !URL.canParse(answer.location, from.href))
    throw new TransientError("session: redirected to nowhere");
  return new URL(answer.location, from);
}
