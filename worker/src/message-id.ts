import { CLOSE_ANGLE, COLON, CR, FORM_FEED, LF, lowerCase, OPEN_ANGLE, SPACE, TAB } from "./lmtp/ascii";
import { fieldEnd } from "./lmtp/header-scan";
import type { Message } from "./message";

/** Fields whose ids Stalwart compares when it looks for a message that it has already. */
const MESSAGE_ID = "message-id";
const ID_FIELDS = [MESSAGE_ID, "in-reply-to", "references", "resent-message-id"];

/** Message-IDs that count by themselves; more are not usual, and each is an operation on the bucket. */
const MAX_IDS = 4;
/** Of all ids together. A message with more is like no other that somebody wrote in good faith. */
const MAX_SET_CHARACTERS = 64 * 1024;

/**
 * What a mail server may know the message by: its Message-IDs, and all ids in its header section together. Stalwart (0.16.18,
 * `email_ingest`) drops a message when another one of the same subject has the same ids, whichever of these fields they are in.
 */
export function namesOf(message: Message): readonly string[] {
  const { own, all } = idsOf(message);
  const names = own.slice(0, MAX_IDS);
  // No id has a blank in it, so a single one is its own name.
  if (all !== undefined && all.length > 0) names.push([...all].sort().join(" "));
  return [...new Set(names)];
}

/**
 * The Message-IDs that a mail server may read out of the message: without brackets, blanks and comments, in lower case. More than
 * one where fields or brackets are repeated; none where there is no such field. An empty one (`<>`) is one like any other.
 */
export function messageIdsOf(message: Message): readonly string[] {
  return idsOf(message).own;
}

/**
 * Reads the header section as Stalwart's parser does (mail-parser 0.11), to its end: ids that it sees and this function does
 * not would make it drop another message. `all` is undefined when there are too many.
 */
function idsOf({ bytes, start }: Message): { readonly own: string[]; readonly all: readonly string[] | undefined } {
  const own = new Set<string>();
  const all = new Set<string>();
  /** Somebody may write one id a million times: it is decoded once. */
  const seen = { own: new Set<number>(), others: new Set<number>() };
  let characters = 0;
  for (let index = start; index < bytes.length;) {
    const byte = bytes[index];
    if (byte === LF) break;
    if (isBlank(byte)) {
      index += 1;
      continue;
    }
    const first = nameStart(bytes, index);
    const colon = colonOf(bytes, first);
    if (bytes[colon] !== COLON) {
      index = colon + 1;
      continue;
    }
    const end = fieldEnd(bytes, colon + 1, "dropped");
    const name = idFieldAt(bytes, first, colon);
    index = end;
    if (name === undefined) continue;
    const known = name === MESSAGE_ID ? seen.own : seen.others;
    for (const [first, last] of idsIn(bytes, colon + 1, end)) {
      const sum = checksum(bytes, first, last);
      if (known.has(sum)) continue;
      if (characters > MAX_SET_CHARACTERS) break;
      known.add(sum);
      const id = idIn(bytes, first, last);
      if (id !== "") all.add(id);
      if (name === MESSAGE_ID) own.add(id);
      characters += id.length;
    }
  }
  return { own: [...own], all: characters > MAX_SET_CHARACTERS ? undefined : [...all] };
}

/** A colon without a name before it is passed over. */
function nameStart(bytes: Uint8Array, from: number): number {
  let index = from;
  while (bytes[index] === COLON || isBlank(bytes[index])) index += 1;
  return index;
}

/** Index of the colon, or of the end of the line when it has none. */
function colonOf(bytes: Uint8Array, from: number): number {
  let index = from;
  while (index < bytes.length && bytes[index] !== COLON && bytes[index] !== LF) index += 1;
  return index;
}

/** Which of the fields with ids has its name there. */
function idFieldAt(bytes: Uint8Array, first: number, colon: number): string | undefined {
  let end = colon;
  while (end > first && isBlank(bytes[end - 1])) end -= 1;
  return ID_FIELDS.find((name) => name.length === end - first && isNameAt(bytes, first, name));
}

function isNameAt(bytes: Uint8Array, first: number, name: string): boolean {
  for (let index = 0; index < name.length; index += 1)
    if (lowerCase(bytes[first + index] ?? 0) !== name.charCodeAt(index)) return false;
  return true;
}

/** First and last byte of what is in angle brackets; without those, of all of it. The last is before the first when it is empty. */
function* idsIn(bytes: Uint8Array, from: number, end: number): Generator<readonly [first: number, last: number], void> {
  let found = false;
  let isInside = false;
  let [first, last] = [-1, -1];
  let [firstOutside, lastOutside] = [0, -1];
  for (let index = from; index < end; index += 1) {
    const byte = bytes[index];
    if (byte === OPEN_ANGLE) isInside = true;
    else if (byte === CLOSE_ANGLE) {
      isInside = false;
      if (first >= 0) yield [first, last];
      found ||= first >= 0;
      first = -1;
    } else if (byte === LF || byte === SPACE || byte === TAB || byte === CR) continue;
    else if (isInside) {
      if (first < 0) first = index;
      last = index;
    } else {
      if (lastOutside < 0) firstOutside = index;
      lastOutside = index;
    }
  }
  if (!found) yield [firstOutside, lastOutside];
}

function checksum(bytes: Uint8Array, first: number, last: number): number {
  let sum = last - first;
  for (let index = first; index <= last; index += 1) sum = (Math.imul(sum, 31) + (bytes[index] ?? 0)) | 0;
  return sum;
}

/** Bytes that are not ASCII may be read in more than one way. */
function idIn(bytes: Uint8Array, first: number, last: number): string {
  return latin1(bytes, first, Math.min(last, first + MAX_SET_CHARACTERS) + 1)
    .replace(/\s/g, "")
    .replace(/[\u0080-\u00ff]+/g, "?")
    .toLowerCase();
}

function isBlank(byte: number | undefined): boolean {
  return byte === SPACE || byte === TAB || byte === CR || byte === FORM_FEED;
}

function latin1(bytes: Uint8Array, from: number, end: number): string {
  return new TextDecoder("latin1").decode(bytes.subarray(from, end));
}
