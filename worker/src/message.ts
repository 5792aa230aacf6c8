/** The largest message Email Routing hands to a Worker, in bytes. */
export const MAX_MESSAGE_BYTES = 25 * 1024 * 1024;

/** A message with what final delivery puts in front of it: one buffer, which is hashed, uploaded and spooled as it is. */
export interface Message {
  readonly bytes: Uint8Array;
  /** Where the message as it was received begins. */
  readonly start: number;
}

/** RFC 5321 §4.4: the envelope sender; and the recipient, for whoever sorts by it. Undefined tests nothing. */
export function deliveryHeaders(from: string, to: string): Uint8Array {
  const recipient = clean(to);
  const lines = [`Return-Path: <${clean(from)}>`, `Delivered-To: ${recipient}`, `X-Original-To: ${recipient}`];
  return new TextEncoder().encode(lines.map((line) => `${line}\r\n`).join(""));
}

/** Nothing of an envelope can begin another header field. */
function clean(address: string): string {
  // eslint-disable-next-line no-control-regex -- they are what is removed
  return address.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, "").trim();
}

/** What makes a message the same message, whichever way and however often it comes. */
export interface Fingerprint {
  /** Empty when there is none. */
  readonly messageId: string;
  /** SHA-256 of the body, hexadecimal; without a Message-ID, of the header fields as well. */
  readonly content: string;
}

/** Only the beginning of a head is looked at; the rest of a longer one counts as body. */
const HEAD_BYTES = 256 * 1024;

/** Written by the servers on the way, so that each attempt has others. A DKIM signature is the sender's. */
const TRACE_FIELD =
  /^(received|return-path|delivered-to|x-original-to|authentication-results|arc-[a-z-]+|received-spf|x-cf-[a-z0-9-]+)$/;

/** Takes no copy of the body. */
export async function fingerprint({ bytes, start }: Message): Promise<Fingerprint> {
  const original = bytes.subarray(start);
  const end = headEnd(original);
  const fields = headerFields(original.subarray(0, end));
  const messageId = fields.find(({ name }) => name === "message-id")?.value.trim() ?? "";
  const body = await sha256(original.subarray(end));
  if (messageId !== "") return { messageId, content: body };
  const own = fields.filter(({ name }) => !TRACE_FIELD.test(name)).map(({ name, value }) => `${name}:${value.trim()}`);
  return { messageId, content: await sha256(new TextEncoder().encode([body, ...own].join("\n"))) };
}

/** One message in one account. Whichever of its addresses it came to, it is one mail. */
export async function messageKey(accountId: string, { messageId, content }: Fingerprint): Promise<string> {
  return await sha256(new TextEncoder().encode(JSON.stringify([accountId, messageId, content])));
}

/** Name of a message in logs: says nothing about it, and is the same for its copies. */
export function shortKey({ content }: Fingerprint): string {
  return content.slice(0, SHORT_KEY_DIGITS);
}

const SHORT_KEY_DIGITS = 16;
const LF = 10;
const CR = 13;

/** Index of the first byte after the first empty line; lines end with CRLF or LF (RFC 5322 §2.1; bare LF is seen as well). */
function headEnd(bytes: Uint8Array): number {
  const limit = Math.min(bytes.byteLength, HEAD_BYTES);
  for (let line = 0; line < limit;) {
    const lf = bytes.indexOf(LF, line);
    if (lf < 0 || lf >= limit) return bytes.byteLength > limit ? line : limit;
    if (lf === line || (lf === line + 1 && bytes[line] === CR)) return lf + 1;
    line = lf + 1;
  }
  return limit;
}

interface Field {
  /** Lower case. */
  readonly name: string;
  /** Unfolded. */
  readonly value: string;
}

function headerFields(head: Uint8Array): readonly Field[] {
  const text = new TextDecoder("latin1").decode(head).replace(/\r?\n(?=[ \t])/g, "");
  return text.split(/\r?\n/).map((line) => {
    const colon = line.indexOf(":");
    // What is no field is still content.
    if (colon < 0) return { name: "", value: line };
    return { name: line.slice(0, colon).trim().toLowerCase(), value: line.slice(colon + 1) };
  });
}

async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
