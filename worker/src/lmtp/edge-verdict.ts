/** A field that Email Routing puts in front of a message, or the Worker. `X-CF-SpamH-Score` is its last one. */
const IN_FRONT = /^(?:x-original-to|arc-[a-z-]+|received-spf|x-cf-(?!spamh-score$)[a-z0-9-]+)$/;
const RECEIVED = "received";
const RECEIVED_BY_CLOUDFLARE = /\bby\s+(?:[a-z0-9-]+\.)*cloudflare(?:-email)?\.net(?=[\s;(]|$)/i;
const RESULTS = "authentication-results";
/** The authserv-id of Email Routing (RFC 8601 §2.5). */
const BY_EDGE = /^\s*mx\.cloudflare\.net\s*(?:;|$)/i;

/** Email Routing's own fields take about 4 KiB, and the ARC sets of earlier servers some more. */
const MAX_FRONT_BYTES = 64 * 1024;

/**
 * Where Email Routing's own `Authentication-Results` begins: the first field of that name, with nothing above it but fields
 * that Email Routing and the Worker write. Undefined when there is none, which happens (workerd issue 6740).
 */
export function edgeVerdict(message: Uint8Array): number | undefined {
  const front = new TextDecoder("latin1").decode(message.subarray(0, MAX_FRONT_BYTES));
  for (let start = 0; start < front.length;) {
    const end = fieldEnd(front, start);
    const field = front.slice(start, end);
    const colon = field.indexOf(":");
    const name = field.slice(0, Math.max(colon, 0)).toLowerCase();
    const value = field.slice(colon + 1);
    if (name === RESULTS) return BY_EDGE.test(value) ? start : undefined;
    if (name === RECEIVED ? !RECEIVED_BY_CLOUDFLARE.test(value) : !IN_FRONT.test(name)) return undefined;
    start = end;
  }
  return undefined;
}

const FIELD_END = /\n(?![\t ])/g;

function fieldEnd(text: string, start: number): number {
  FIELD_END.lastIndex = start;
  return FIELD_END.exec(text) === null ? text.length : FIELD_END.lastIndex;
}
