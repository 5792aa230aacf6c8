import { CR, isEncodedWord, isLowerCase, LF, lowerCase, SPACE, TAB, TILDE } from "./ascii";

/** How long an authserv-id of another server may be: a domain name (RFC 1035 §2.3.4). */
const MAX_ID_BYTES = 255;
/** Another server's id, perhaps with a version (RFC 8601 §2.2); then results or nothing. */
const PLAIN_ID = /^[\t\r\n ]*[a-z0-9._-]+(?:[\t\r\n ]+[0-9]+)?[\t\r\n ]*(?:;|$)/i;
/** How much of the field is read for its id: the id, a version, and some folding. */
const MAX_HEAD_BYTES = MAX_ID_BYTES + 100;
/** In every name that the edge has. */
const EDGE = new TextEncoder().encode("cloudflare");

/**
 * Whether the results are plainly another server's: an authserv-id that is nothing but letters, digits, dots, `-` and `_`,
 * and nothing in the field that could be decoded (RFC 2047) or names the edge.
 *
 * @param from behind the colon
 * @param end behind the field
 */
export function isAnotherServers(bytes: Uint8Array, from: number, end: number): boolean {
  const head = new TextDecoder("latin1").decode(bytes.subarray(from, Math.min(end, from + MAX_HEAD_BYTES)));
  return PLAIN_ID.test(head) && isPrintable(bytes, from, end) && !namesEdge(bytes, from, end);
}

/** Printable ASCII without encoded words, folded as RFC 5322 §2.2.3 has it. */
function isPrintable(bytes: Uint8Array, from: number, end: number): boolean {
  for (let index = from; index < end; index += 1) {
    const byte = bytes[index] ?? 0;
    const isAllowed = (byte >= SPACE && byte <= TILDE) || byte === TAB || byte === LF;
    if (!isAllowed && !(byte === CR && bytes[index + 1] === LF)) return false;
    if (isEncodedWord(bytes, index)) return false;
  }
  return true;
}

/** Whatever is between the letters, because a reader may drop folding, quotes and comments. */
function namesEdge(bytes: Uint8Array, from: number, end: number): boolean {
  let matched = 0;
  for (let index = from; index < end && matched < EDGE.length; index += 1) {
    const letter = lowerCase(bytes[index] ?? 0);
    if (!isLowerCase(letter)) continue;
    // Its first letter occurs in it only once, so a failed match cannot hide another one.
    matched = letter === EDGE[matched] ? matched + 1 : letter === EDGE[0] ? 1 : 0;
  }
  return matched === EDGE.length;
}
