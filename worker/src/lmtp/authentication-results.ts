/** The authserv-id of Email Routing (RFC 8601 §2.5), compared without regard to case and white space. */
const AUTHSERV_ID = "mx.cloudflare.net";
const FIELD = "authentication-results";
/** As long as the name that it replaces, so that nothing moves. */
const RENAMED = "X-Foreign-Auth-Results";

/** Fields that Email Routing puts in front of a message, and ours. */
const IN_FRONT = /^(x-original-to|arc-[a-z-]+|received-spf|authentication-results|x-cf-[a-z0-9-]+)$/;
const RECEIVED = "received";
const RECEIVED_BY_CLOUDFLARE = /\bby\s+(?:[a-z0-9-]+\.)*cloudflare(?:-email)?\.net(?=[\s;(]|$)/i;

const LF = 10;
const CR = 13;
const SPACE = 32;
const TAB = 9;
/** Longer fields are not read to their end. */
const MAX_FIELD_BYTES = 64 * 1024;

/**
 * The message with one verdict of Email Routing at most: the first `Authentication-Results` in its name, if it is above
 * every field that the sender can have written. Whoever sends a message can write others of that name, and a Sieve script
 * would take them for the edge's (RFC 8601 §5 wants them removed or renamed). Those of other servers stay as they are: they
 * claim nothing. The bytes given are not changed; they are copied only when there is something to rename.
 */
export function withoutForgedResults(message: Uint8Array): Uint8Array {
  const forged: number[] = [];
  let isInFront = true;
  let hasVerdict = false;
  for (const { start, end } of fields(message)) {
    if (!isInFront && !mayBeResults(message, start)) continue;
    const text = new TextDecoder("latin1").decode(message.subarray(start, Math.min(end, start + MAX_FIELD_BYTES)));
    const colon = text.indexOf(":");
    const name = text.slice(0, Math.max(colon, 0)).trim().toLowerCase();
    const value = text.slice(colon + 1);
    isInFront &&= name === RECEIVED ? RECEIVED_BY_CLOUDFLARE.test(value) : IN_FRONT.test(name);
    if (name !== FIELD || !value.replace(/\s+/g, "").toLowerCase().includes(AUTHSERV_ID)) continue;
    if (isInFront && !hasVerdict) hasVerdict = true;
    else forged.push(start);
  }
  if (forged.length === 0) return message;
  const renamed = new Uint8Array(message);
  for (const start of forged) renamed.set(new TextEncoder().encode(RENAMED), start);
  return renamed;
}

/** Header fields with their folded lines, up to the empty line. */
function* fields(message: Uint8Array): Generator<{ readonly start: number; readonly end: number }> {
  let start = 0;
  for (let line = 0; line < message.byteLength;) {
    if (message[line] === LF || (message[line] === CR && message[line + 1] === LF)) break;
    const lf = message.indexOf(LF, line);
    const next = lf < 0 ? message.byteLength : lf + 1;
    const isFolded = message[next] === SPACE || message[next] === TAB;
    if (!isFolded) {
      yield { start, end: next };
      start = next;
    }
    line = next;
  }
}

/** Most fields are none, and need not be read. */
function mayBeResults(message: Uint8Array, start: number): boolean {
  const first = message[start] ?? 0;
  return first === 0x41 || first === 0x61;
}
