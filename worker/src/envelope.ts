import { timeOf } from "./spool";
import type { SpoolEntry } from "./spool";

/** Longer than the fields in front can be: addresses have 254 octets at most (RFC 5321 §4.5.3.1.3), and some are not real. */
const FRONT_BYTES = 8_192;

/** As {@link deliveryHeaders} writes them; an operator's own message and an earlier version's have no `Received`. */
const FRONT =
  /^Return-Path: <([^\r\n]*)>\r\nDelivered-To: ([^\r\n]+)\r\nX-Original-To: \2\r\n(?:Received: by \S+ with HTTP id [0-9a-f]{32}; [^\r\n]*\r\n)?/;

/**
 * The envelope of a spooled message whose object has no metadata: Cloudflare's HTTP API, by which a person puts a dead
 * message back, cannot write any. Undefined when the message does not begin with the headers of the envelope.
 */
export function envelopeInFront(bytes: Uint8Array, name: string): SpoolEntry | undefined {
  const match = FRONT.exec(new TextDecoder().decode(bytes.subarray(0, FRONT_BYTES)));
  const receivedAt = timeOf(name);
  const [front, from, to] = match ?? [];
  if (front === undefined || from === undefined || to === undefined || Number.isNaN(receivedAt)) return undefined;
  return { from, to, receivedAt, start: new TextEncoder().encode(front).length };
}
