import type { Message } from "./message";

/** One passage of a message through this Worker. */
export interface Hop {
  /** The mail domain. */
  readonly by: string;
  /** As {@link newTrace} makes it. */
  readonly trace: string;
  /** When the edge received the message, in milliseconds since the epoch. */
  readonly receivedAt: number;
}

const TRACE_BYTES = 16;
/** The fields in front of a message are shorter: addresses have 254 octets at most (RFC 5321 §4.5.3.1.3). */
const MAX_FRONT_BYTES = 8_192;
const RECEIVED_BY_US = /^Received: by \S+ with HTTP id ([0-9a-f]{32}); [^\r\n]*\r\n/m;

/** Names one copy of a message for good: random, so nobody outside can guess or choose it. Hexadecimal. */
export function newTrace(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(TRACE_BYTES));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * The `Received` field of this hop, without its line end (RFC 5321 §4.4). There is no `from`: the Worker is a gateway and
 * does not see who spoke SMTP to Email Routing; Email Routing's own field, below this one, says it.
 */
export function receivedField({ by, trace, receivedAt }: Hop): string {
  const date = new Date(receivedAt).toUTCString().replace("GMT", "+0000");
  return `Received: by ${by.replace(/[^a-z0-9.-]/gi, "")} with HTTP id ${trace}; ${date}`;
}

/** The trace that this Worker wrote in front of the message. Undefined for one that an earlier version put into the spool. */
export function traceOf({ bytes, start }: Message): string | undefined {
  const front = new TextDecoder("latin1").decode(bytes.subarray(0, Math.min(start, MAX_FRONT_BYTES)));
  return RECEIVED_BY_US.exec(front)?.[1];
}
