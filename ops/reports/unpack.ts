import { crc32, inflateRawSync } from "node:zlib";
import { unzipSync } from "fflate";
import { UnreadableReport } from "./report";
import { decodeText } from "./text";

/** An attachment as it was sent; real ones have some kB. */
export const MAX_PACKED_BYTES = 10 * 1024 * 1024;
/** Of all unpacked files together. Text compresses to a twentieth; a bomb to a thousandth. */
export const MAX_TEXT_BYTES = 20 * 1024 * 1024;
/** RFC 7489 section 7.2.1.1 allows one file; some put a read-me or a second report beside it. */
const MAX_FILES = 20;
/** An archive inside an archive inside an archive. */
const MAX_DEPTH = 3;

/** Check sum and size behind a member of gzip. */
const TRAILER_BYTES = 8;

const GZIP = Buffer.from([0x1f, 0x8b]);
const ZIP = Buffer.from("PK\u0003\u0004", "latin1");
const EMPTY_ZIP = Buffer.from("PK\u0005\u0006", "latin1");

/** What is still allowed of one attachment. */
interface Room {
  bytes: number;
  files: number;
  /** Why some of it is left out. */
  readonly faults: string[];
}

/** True for the first bytes of gzip and zip. */
export function isPacked(bytes: Uint8Array): boolean {
  return [GZIP, ZIP, EMPTY_ZIP].some((head) => startsWith(bytes, head));
}

/**
 * The texts in an attachment: gzip, zip, each also inside the other, or plain, recognised by the first bytes because senders' media
 * types are often wrong. Never holds more than {@link MAX_TEXT_BYTES}, whatever the archive says of itself.
 *
 * @param faults gets why a file of an archive is left out
 * @throws UnreadableReport when there is nothing to read in it
 */
export function unpack(packed: Uint8Array, faults: string[] = []): readonly string[] {
  if (packed.byteLength > MAX_PACKED_BYTES)
    throw new UnreadableReport(`the attachment has more than ${MAX_PACKED_BYTES} bytes`);
  return textsIn(Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength), 0, {
    bytes: MAX_TEXT_BYTES,
    files: MAX_FILES,
    faults,
  });
}

function textsIn(bytes: Buffer, depth: number, room: Room): readonly string[] {
  if (!isPacked(bytes)) return [decodeText(bytes)];
  if (depth === MAX_DEPTH) throw new UnreadableReport(`archives are nested more than ${MAX_DEPTH} deep`);
  const files = startsWith(bytes, GZIP) ? [gunzip(bytes, room)] : unzip(bytes, room);
  return files.flatMap((file) => textsIn(file, depth + 1, room));
}

/** RFC 1952: members one after another are one file; other bytes after the last one do not belong to it. */
function gunzip(bytes: Buffer, room: Room): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; startsWith(bytes.subarray(at), GZIP);) {
    const member = memberAt(bytes, at, room);
    if (member === undefined) break;
    parts.push(member.content);
    at = member.end;
  }
  // The bytes after a whole member may only look like another one.
  if (parts.length === 0) throw new UnreadableReport("the gzip file is damaged");
  return Buffer.concat(parts);
}

/** One member; undefined when it is damaged. */
function memberAt(
  bytes: Buffer,
  at: number,
  room: Room,
): { readonly content: Buffer; readonly end: number } | undefined {
  const start = headerEnd(bytes, at);
  const inflated = inflate(bytes.subarray(start), room);
  if (inflated === undefined) return undefined;
  const { content, length } = inflated;
  const trailer = start + length;
  if (trailer + TRAILER_BYTES > bytes.length) return undefined;
  const isWhole = bytes.readUInt32LE(trailer) === crc32(content) && bytes.readUInt32LE(trailer + 4) === content.length;
  return isWhole ? { content, end: trailer + TRAILER_BYTES } : undefined;
}

/** Where the data of a member begins (RFC 1952 section 2.3); the end of the bytes when its header does not end. */
function headerEnd(bytes: Buffer, at: number): number {
  const flags = bytes[at + 3] ?? 0;
  let end = at + 10;
  if (flags & 0b100) end += 2 + (end + 2 <= bytes.length ? bytes.readUInt16LE(end) : 0);
  // The file's name, and a comment.
  for (const flag of [0b1000, 0b1_0000]) if (flags & flag) end = bytes.indexOf(0, end) + 1 || bytes.length;
  if (flags & 0b10) end += 2;
  return Math.min(end, bytes.length);
}

/** The content, and how many bytes were read for it; undefined when they are damaged. */
function inflate(bytes: Buffer, room: Room): { readonly content: Buffer; readonly length: number } | undefined {
  try {
    // Its types lack the form that `info` gives.
    const { buffer, engine } = inflateRawSync(bytes, {
      info: true,
      maxOutputLength: Math.max(room.bytes, 1),
    }) as unknown as { readonly buffer: Buffer; readonly engine: { readonly bytesWritten: number } };
    take(room, buffer.length);
    return { content: buffer, length: engine.bytesWritten };
  } catch (error) {
    if (error instanceof UnreadableReport) throw error;
    if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") throw tooLong();
    return undefined;
  }
}

/** The sizes of the directory are checked before anything is unpacked, and fflate writes no byte beyond them. */
function unzip(bytes: Buffer, room: Room): readonly Buffer[] {
  let [all, members] = [0, 0];
  reading(bytes, ({ originalSize }) => {
    all += 1;
    if (room.files === 0) return false;
    members += 1;
    room.files -= 1;
    take(room, originalSize);
    return false;
  });
  if (all > members) room.faults.push(`the attachment holds more than ${MAX_FILES} files`);
  // One by one: fflate keeps one of those with the same name, and a damaged one costs no other.
  const faults: string[] = [];
  const files = Array.from({ length: members }, (_, wanted) => memberOf(bytes, wanted, faults)).flat();
  const [fault] = faults;
  if (files.length === 0) throw new UnreadableReport(fault ?? "the zip file is empty");
  if (fault !== undefined) room.faults.push(`${fault}, in ${faults.length} of ${members} files`);
  return files;
}

/** None for a folder. */
function memberOf(bytes: Buffer, wanted: number, faults: string[]): readonly Buffer[] {
  let member = -1;
  try {
    const found = reading(bytes, ({ name }) => ++member === wanted && !name.endsWith("/"));
    return Object.values(found).map((file) => Buffer.from(file.buffer, file.byteOffset, file.byteLength));
  } catch (error) {
    if (!(error instanceof UnreadableReport)) throw error;
    faults.push(error.message);
    return [];
  }
}

function reading(
  bytes: Buffer,
  filter: (file: { readonly name: string; readonly originalSize: number }) => boolean,
): Record<string, Uint8Array> {
  try {
    return unzipSync(bytes, { filter });
  } catch (error) {
    if (error instanceof UnreadableReport) throw error;
    throw new UnreadableReport("the zip file is damaged");
  }
}

function take(room: Room, bytes: number): void {
  room.bytes -= bytes;
  if (room.bytes < 0) throw tooLong();
}

function tooLong(): UnreadableReport {
  return new UnreadableReport(`it unpacks to more than ${MAX_TEXT_BYTES} bytes`);
}

function startsWith(bytes: Uint8Array, head: Uint8Array): boolean {
  return head.every((byte, index) => bytes[index] === byte);
}
