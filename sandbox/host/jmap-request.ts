import type { Account, Caller } from "./accounts";
import { isObject, type Json } from "./json";
import { CORE, invoke, MAIL, PRINCIPALS } from "./methods";
import type { Context, Invocation } from "./methods";

const MAX_CALLS_IN_REQUEST = 16;
const MAX_REQUEST_BYTES = 10_000_000;
const MAX_UPLOAD_BYTES = 50_000_000;

/** An HTTP error as RFC 7807 problem details. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly type = "about:blank",
    readonly detail?: string,
  ) {
    super(title);
  }
}

/** RFC 8620 §2; strangers get the capabilities only. */
export function sessionObject(publicUrl: string, account: Account | undefined): Json {
  const limits = {
    maxSizeUpload: MAX_UPLOAD_BYTES,
    maxSizeRequest: MAX_REQUEST_BYTES,
    maxCallsInRequest: MAX_CALLS_IN_REQUEST,
  };
  // The recovery administrator has an account without an address, and no mail.
  const id = account?.names.length === 0 ? undefined : account?.id;
  const named = { name: account?.address, isPersonal: true, isReadOnly: false, accountCapabilities: { [MAIL]: {} } };
  return {
    capabilities: { [CORE]: limits, [MAIL]: {}, [PRINCIPALS]: {} },
    accounts: id === undefined ? {} : { [id]: named },
    primaryAccounts: id === undefined ? {} : { [CORE]: id, [MAIL]: id, [PRINCIPALS]: id },
    username: account?.address ?? "",
    apiUrl: `${publicUrl}/jmap/`,
    downloadUrl: `${publicUrl}/jmap/download/{accountId}/{blobId}/{name}?accept={type}`,
    uploadUrl: `${publicUrl}/jmap/upload/{accountId}/`,
    eventSourceUrl: `${publicUrl}/jmap/eventsource/?types={types}&closeafter={closeafter}&ping={ping}`,
    state: "n",
  };
}

/** RFC 8620 §3.3: answers all calls of a request, or refuses it as a whole. */
export function answerRequest(body: Buffer, contentType: string | undefined, caller: Caller, context: Context): Json {
  if (body.length > MAX_REQUEST_BYTES) throw limit("maxSizeRequest");
  if (!/^application\/json\b/.test(contentType ?? "")) throw malformed("notJSON");
  const request = parse(body);
  const using: unknown = isObject(request) ? request["using"] : undefined;
  const methodCalls: unknown = isObject(request) ? request["methodCalls"] : undefined;
  if (!isStrings(using) || !isInvocations(methodCalls)) throw malformed("notRequest");
  if (methodCalls.length > MAX_CALLS_IN_REQUEST) throw limit("maxCallsInRequest");
  const methodResponses: Invocation[] = [];
  for (const methodCall of methodCalls)
    methodResponses.push(invoke(withIds(methodCall, methodResponses), using, caller, context));
  return { methodResponses, sessionState: "n" };
}

/** RFC 8620 section 3.7; of its references only `#ids` to the ids of a query. */
function withIds(
  [name, { "#ids": reference, ...args }, callId]: Invocation,
  before: readonly Invocation[],
): Invocation {
  if (!isObject(reference)) return [name, args, callId];
  const { resultOf, name: query, path } = reference;
  const found = before.find(([method, , id]) => id === resultOf && method === query);
  const ids = path === "/ids" ? found?.[1]["ids"] : undefined;
  return [name, { ...args, ids: Array.isArray(ids) ? ids : [] }, callId];
}

function malformed(kind: "notJSON" | "notRequest"): Problem {
  return new Problem(400, "Bad Request", `urn:ietf:params:jmap:error:${kind}`);
}

function limit(name: string): Problem {
  return new Problem(400, "Bad Request", "urn:ietf:params:jmap:error:limit", name);
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    // Stalwart does not tell text that is no JSON from JSON that is no request.
    throw malformed("notRequest");
  }
}

function isStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function isInvocations(value: unknown): value is readonly Invocation[] {
  return Array.isArray(value) && value.every(isInvocation);
}

function isInvocation(value: unknown): value is Invocation {
  if (!Array.isArray(value)) return false;
  const [name, args, callId]: readonly unknown[] = value as readonly unknown[];
  return typeof name === "string" && isObject(args) && typeof callId === "string";
}
