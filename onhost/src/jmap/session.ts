import { Trouble } from "./trouble";
import { isNotFound, readText, type Http } from "./http";
import { isFields, parsed, text, type Fields } from "./json";

export const CORE = "urn:ietf:params:jmap:core";
export const MAIL = "urn:ietf:params:jmap:mail";
/** RFC 9404. Cyrus 3.6 has the same method under a name of its own. */
export const BLOB = ["urn:ietf:params:jmap:blob", "https://cyrusimap.org/ns/jmap/blob"] as const;
export const PRINCIPALS = "urn:ietf:params:jmap:principals";

const MAX_REDIRECTS = 3;
/** RFC 8620 section 2 lets no server go below these by much; a server that says nothing gets them. */
const FEWEST = { calls: 4, get: 100, set: 100, concurrent: 4, upload: 4 } as const;

export interface SessionAccount {
  readonly id: string;
  readonly name: string;
  readonly capabilities: readonly string[];
}

/** As much of the Session object (RFC 8620 section 2) as is used. */
export interface Session {
  readonly capabilities: readonly string[];
  readonly accounts: readonly SessionAccount[];
  /** Of the login itself. */
  readonly ownAccountId: string | undefined;
  readonly apiUrl: URL;
  readonly downloadUrl: (accountId: string, blobId: string, type: string) => URL;
  readonly uploadUrl: (accountId: string) => URL;
  /** Another origin that the session names; its paths are asked for at the given one. */
  readonly otherOrigin: string | undefined;
  readonly maxCalls: number;
  readonly maxObjectsInGet: number;
  readonly maxObjectsInSet: number;
  readonly maxConcurrentRequests: number;
  readonly maxConcurrentUpload: number;
}

/**
 * Reads the session. `base`: the server (then `/.well-known/jmap` is asked) or the session's own URL. Requests go to
 * its origin only: the URL that a server gives for itself may belong to another server by now, and the login must not go there.
 * Stalwart gives its public URL (RFC 8620 section 2 allows that), and only the path of it is used. `guess`: a path to try first,
 * which saves the redirect.
 *
 * @throws Trouble
 */
export async function openSession(http: Http, base: URL, guess?: string): Promise<Session> {
  if (guess !== undefined)
    try {
      return await openSession(http, new URL(guess, base));
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  let url = base.pathname === "/" ? new URL("/.well-known/jmap", base) : base;
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
    const answer = await http.send({ method: "GET", url, step: "session" }, async ({ location, body }) => {
      const content = await readText("session", body);
      return location === undefined ? { content } : { location };
    });
    if ("content" in answer) return sessionOf(parsed(answer.content), url);
    url = redirected(url, answer.location);
  }
  throw new Trouble("session: redirected in circles", "refused");
}

function sessionOf(value: unknown, url: URL): Session {
  if (!isFields(value) || typeof value["apiUrl"] !== "string")
    throw new Trouble("session: what answers there does not speak JMAP", "refused");
  const capabilities = fieldsOf(value["capabilities"]);
  const limits = fieldsOf(capabilities[CORE]);
  const number = (name: string, otherwise: number) => {
    const limit = limits[name];
    return typeof limit === "number" && limit > 0 ? limit : otherwise;
  };
  const template = (name: string, values: Readonly<Record<string, string>>) =>
    onOrigin(
      text(value[name]).replace(/\{(\w+)\}/g, (_, key: string) => encodeURIComponent(values[key] ?? "")),
      url,
    );
  const accounts = Object.entries(fieldsOf(value["accounts"])).map(([id, account]) => ({
    id,
    name: text(fieldsOf(account)["name"], id),
    capabilities: Object.keys(fieldsOf(fieldsOf(account)["accountCapabilities"])),
  }));
  const primary = fieldsOf(value["primaryAccounts"]);
  const own = primary[MAIL] ?? primary[CORE] ?? Object.values(primary)[0] ?? accounts[0]?.id;
  const named = ["apiUrl", "downloadUrl", "uploadUrl"].map((name) => resolved(text(value[name]), url).origin);
  return {
    capabilities: Object.keys(capabilities),
    accounts,
    ownAccountId: typeof own === "string" ? own : undefined,
    apiUrl: onOrigin(value["apiUrl"], url),
    downloadUrl: (accountId, blobId, type) => template("downloadUrl", { accountId, blobId, type, name: "blob" }),
    uploadUrl: (accountId) => template("uploadUrl", { accountId }),
    otherOrigin: named.find((origin) => origin !== url.origin),
    maxCalls: number("maxCallsInRequest", FEWEST.calls),
    maxObjectsInGet: number("maxObjectsInGet", FEWEST.get),
    maxObjectsInSet: number("maxObjectsInSet", FEWEST.set),
    maxConcurrentRequests: number("maxConcurrentRequests", FEWEST.concurrent),
    maxConcurrentUpload: number("maxConcurrentUpload", FEWEST.upload),
  };
}

/** A redirect to another origin says that JMAP is not served here; the operator decides whether that server is meant. */
function redirected(url: URL, location: string): URL {
  const target = resolved(location, url);
  if (target.origin !== url.origin)
    throw new Trouble(
      `session: it redirects to ${target.origin}, and this command follows no redirect to another server. If you mean that server, give --url ${target.origin}${target.pathname}`,
      "refused",
    );
  return target;
}

function onOrigin(reference: string, url: URL): URL {
  const { pathname, search } = resolved(reference, url);
  const result = new URL(url.origin);
  // Assigned, not resolved, so that a path of the form `//host/` stays a path.
  result.pathname = pathname;
  result.search = search;
  return result;
}

function resolved(reference: string, url: URL): URL {
  const target = URL.canParse(reference, url.href) ? new URL(reference, url) : undefined;
  if (target === undefined || !/^https?:$/.test(target.protocol))
    throw new Trouble("session: it names something that is not an http or https URL", "refused");
  return target;
}

function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : {};
}
