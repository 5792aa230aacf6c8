import { authorStart } from "./identity";
import { receivedField } from "./received";
import type { Hop } from "./received";

/** The largest message Email Routing hands to a Worker, in bytes. */
export const MAX_MESSAGE_BYTES = 25 * 1024 * 1024;

/** A message with what final delivery puts in front of it: one buffer, which is hashed, uploaded and spooled as it is. */
export interface Message {
  readonly bytes: Uint8Array;
  /** Where the message as it was received begins. */
  readonly start: number;
}

/**
 * What final delivery puts in front (RFC 5321 §4.4): the envelope sender, the recipient for filters that sort by it, and the
 * `Received` field of this hop, the last line, so that LMTP can leave out those above it.
 *
 * @param hop absent only for a message that no edge received, as an operator's own
 */
export function deliveryHeaders(from: string, to: string, hop?: Hop): Uint8Array {
  const recipient = clean(to);
  const lines = [`Return-Path: <${clean(from)}>`, `Delivered-To: ${recipient}`, `X-Original-To: ${recipient}`];
  if (hop !== undefined) lines.push(receivedField(hop));
  return new TextEncoder().encode(lines.map((line) => `${line}\r\n`).join(""));
}

/** Nothing of an envelope can begin another header field. */
function clean(address: string): string {
  // eslint-disable-next-line no-control-regex -- they are what is removed
  return address.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, "").trim();
}

/** What makes a message the same message, whichever way and however often it comes. */
export interface Fingerprint {
  /** SHA-256 of every byte that the author and the author's servers wrote, hexadecimal. */
  readonly content: string;
}

/**
 * Does not copy the message. No single field decides: a stranger can choose any Message-ID, and some programs use one for all
 * their mail.
 */
export async function fingerprint({ bytes, start }: Message): Promise<Fingerprint> {
  const received = bytes.subarray(start);
  return { content: await sha256(received.subarray(authorStart(received))) };
}

/** One message in one account. Whichever of its addresses it came to, it is one mail. */
export async function messageKey(accountId: string, { content }: Fingerprint): Promise<string> {
  return await sha256(new TextEncoder().encode(JSON.stringify([accountId, content])));
}

/** Name of a message in logs: says nothing about it, and is the same for its copies. */
export function shortKey({ content }: Fingerprint): string {
  return content.slice(0, SHORT_KEY_DIGITS);
}

const SHORT_KEY_DIGITS = 16;

async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
