import { BUCKET_MS } from "./budgets";
import type { Clock } from "./clock";
import type { SpoolBucket, SpoolListOptions, SpoolObject, SpoolPage } from "./env";
import { TransientError } from "./transient";

/** The spool's folders in the bucket. Every object of the first two is a message as home would have got it. */
export const SPOOL_PREFIX = "spool/";
export const DEAD_PREFIX = "dead/";
export const RETRY_PREFIX = "retry/";
/** Marks of messages that runs have begun (begun.ts). */
export const BEGUN_PREFIX = "begun/";

/** Dead messages are kept long enough for an operator back from holiday to act; then the bucket's lifecycle deletes them. */
export const DEAD_DAYS = 90;

/** Format of the metadata, for later versions. */
export const SPOOL_VERSION = "1";

/** What is known of a spooled message besides its bytes. */
export interface SpoolEntry {
  /** Empty for the null reverse-path. */
  readonly from: string;
  readonly to: string;
  /** When the edge took it; milliseconds since the epoch. */
  readonly receivedAt: number;
  /** Bytes of the headers that were put in front. */
  readonly start: number;
}

/** R2 keeps 2,048 bytes of metadata for an object. Real addresses have 254 at most (RFC 5321 §4.5.3.1.3). */
const MAX_ADDRESS_BYTES = 700;
const MAX_REASON_BYTES = 300;
const NAME_DIGITS = 8;

/** Sorts by age. The random end keeps messages of the same millisecond apart. */
export function spoolName(receivedAt: number): string {
  return `${new Date(receivedAt).toISOString()}-${crypto.randomUUID().slice(0, NAME_DIGITS)}.eml`;
}

/** When the edge took the message of that name, in milliseconds since the epoch; NaN for a name of another form. */
export function timeOf(name: string): number {
  return Date.parse(name.slice(0, TIME_LENGTH));
}

const TIME_LENGTH = "2026-11-22T16:00:00.000Z".length;

/** Name of the object below its folder. */
export function nameOf(key: string): string {
  return key.slice(key.indexOf("/") + 1);
}

export function retryKey(name: string): string {
  return `${RETRY_PREFIX}${name}.json`;
}

/** One recipient per object. Throws when R2 does not take it. */
export async function putSpooled(bucket: SpoolBucket, bytes: Uint8Array, entry: SpoolEntry): Promise<string> {
  const key = `${SPOOL_PREFIX}${spoolName(entry.receivedAt)}`;
  const customMetadata = toMetadata(entry);
  const put = await bucket.put(key, bytes, { customMetadata, httpMetadata: { contentType: "message/rfc822" } });
  if (put === null) throw new TransientError("spool: not stored", "message");
  return key;
}

/** What to list besides keys and sizes, and where to start. */
export interface ListedOptions {
  /** Metadata is listed only on request, because it is most of a page and reading it is most of the work. */
  readonly include?: ("customMetadata" | "httpMetadata")[];
  /** A key, which need not exist. */
  readonly startAfter?: string | undefined;
}

/** What lies in a folder, in the order of the keys, so oldest first; a page at a time. Throws when R2 does not answer. */
export async function* listed(
  bucket: SpoolBucket,
  prefix: string,
  clock: Clock,
  { include = [], startAfter }: ListedOptions = {},
): AsyncGenerator<SpoolObject, void> {
  let from: Pick<SpoolListOptions, "cursor" | "startAfter"> = startAfter === undefined ? {} : { startAfter };
  for (;;) {
    const page: SpoolPage = await clock.within(BUCKET_MS, "spool", bucket.list({ prefix, include, ...from }));
    yield* page.objects;
    if (!page.truncated || page.cursor === undefined) return;
    from = { cursor: page.cursor };
  }
}

export function toMetadata({ from, to, receivedAt, start }: SpoolEntry): Record<string, string> {
  const recipient = encode(to);
  // It could not be delivered from there.
  if (recipient.length > MAX_ADDRESS_BYTES) throw new TransientError("spool: the recipient is too long", "message");
  return {
    version: SPOOL_VERSION,
    // The whole of it is in the Return-Path.
    from: cut(encode(from), MAX_ADDRESS_BYTES),
    to: recipient,
    receivedAt: new Date(receivedAt).toISOString(),
    start: String(start),
  };
}

/** Undefined when the object is none of the spool's. */
export function fromMetadata({ customMetadata = {}, size }: SpoolObject): SpoolEntry | undefined {
  const { from, to, receivedAt, start } = customMetadata;
  const at = Date.parse(receivedAt ?? "");
  const offset = Number(start ?? "");
  if (from === undefined || to === undefined || to === "" || Number.isNaN(at)) return undefined;
  if (!Number.isInteger(offset) || offset < 0 || offset > size) return undefined;
  return { from: decode(from), to: decode(to), receivedAt: at, start: offset };
}

/** The metadata of a message that was set aside. */
export function deadMetadata(
  metadata: Readonly<Record<string, string>>,
  reason: string,
  at: number,
): Record<string, string> {
  return { ...metadata, reason: cut(encode(reason), MAX_REASON_BYTES), deadAt: new Date(at).toISOString() };
}

/** Readable as it is for every usual address; other bytes become `%XX`, because metadata travels in HTTP headers. */
function encode(text: string): string {
  const bytes = new TextEncoder().encode(text);
  return [...bytes].map((byte) => (isPlain(byte) ? String.fromCharCode(byte) : percent(byte))).join("");
}

function isPlain(byte: number): boolean {
  return byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
}

function percent(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : text.slice(0, length).replace(/%.?$/, "");
}
