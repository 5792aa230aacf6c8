import { gunzipSync } from "node:zlib";
import { unzipSync } from "fflate";
import { UnreadableReport } from "./report";

/** An attachment as it was sent; real ones have some kB. */
export const MAX_PACKED_BYTES = 10 * 1024 * 1024;
/** What it unpacks to. Packed text shrinks twenty-fold; a bomb a thousand-fold. */
export const MAX_TEXT_BYTES = 20 * 1024 * 1024;
/** RFC 7489 section 7.2.1.1 allows one file. */
const MAX_ZIP_FILES = 1;

const GZIP = Buffer.from([0x1f, 0x8b]);
const ZIP = Buffer.from("PK\u0003\u0004", "latin1");

/**
 * The text of an attachment: gzip, zip with one file, or plain, told by the first bytes because senders' media types are
 * often wrong. Never holds more than {@link MAX_TEXT_BYTES}, whatever the archive says of itself.
 *
 * @throws UnreadableReport
 */
export function unpack(packed: Uint8Array): string {
  if (packed.byteLength > MAX_PACKED_BYTES)
    throw new UnreadableReport(`the attachment has more than ${MAX_PACKED_BYTES} bytes`);
  const bytes = Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength);
  if (startsWith(bytes, GZIP)) return textOf(gunzip(bytes));
  if (startsWith(bytes, ZIP)) return textOf(unzip(bytes));
  return textOf(bytes);
}

function gunzip(bytes: Buffer): Uint8Array {
  try {
    return gunzipSync(bytes, { maxOutputLength: MAX_TEXT_BYTES });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") throw tooLong();
    throw new UnreadableReport("the gzip file is damaged");
  }
}

/** The sizes of the directory are checked before anything is unpacked, and fflate writes no byte beyond them. */
function unzip(bytes: Buffer): Uint8Array {
  let files = 0;
  let unpacked: Record<string, Uint8Array>;
  try {
    unpacked = unzipSync(bytes, {
      filter: ({ name, originalSize }) => {
        if (name.endsWith("/")) return false;
        if (originalSize > MAX_TEXT_BYTES) throw tooLong();
        if (++files > MAX_ZIP_FILES) throw new UnreadableReport("the zip file holds more than one file");
        return true;
      },
    });
  } catch (error) {
    if (error instanceof UnreadableReport) throw error;
    throw new UnreadableReport("the zip file is damaged");
  }
  const [content] = Object.values(unpacked);
  if (content === undefined) throw new UnreadableReport("the zip file is empty");
  return content;
}

function tooLong(): UnreadableReport {
  return new UnreadableReport(`it unpacks to more than ${MAX_TEXT_BYTES} bytes`);
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder("utf-8").decode(bytes);
}

function startsWith(bytes: Buffer, head: Buffer): boolean {
  return bytes.subarray(0, head.length).equals(head);
}
