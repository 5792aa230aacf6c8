import type { Message } from "./message";
import { TransientError } from "./transient";

/**
 * Reads the message behind the headers, once and without a second copy. Throws when it is not exactly as long as
 * announced: half a message must not be stored.
 */
export async function readMessage(
  head: Uint8Array,
  raw: ReadableStream<Uint8Array>,
  rawSize: number,
): Promise<Message> {
  const bytes = new Uint8Array(head.byteLength + rawSize);
  bytes.set(head);
  const reader = byteReader(raw);
  const start = head.byteLength;
  return {
    bytes: await (reader === undefined ? copied(bytes, start, raw.getReader()) : filled(bytes, start, reader)),
    start,
  };
}

/** A stream of bytes lets its reader say where they go, which costs half the CPU. Undefined: it is another stream. */
function byteReader(raw: ReadableStream<Uint8Array>): ReadableStreamBYOBReader | undefined {
  try {
    return raw.getReader({ mode: "byob" });
  } catch {
    return undefined;
  }
}

/** Each read takes the buffer away and hands it back, with the next bytes in their place. */
async function filled(bytes: Uint8Array, start: number, reader: ReadableStreamBYOBReader): Promise<Uint8Array> {
  const { byteLength } = bytes;
  let all = bytes;
  for (let offset = start; offset < byteLength;) {
    const { done, value } = await reader.read(all.subarray(offset));
    if (done) throw cutShort();
    offset += value.byteLength;
    all = new Uint8Array(value.buffer);
  }
  // The whole buffer is used up, so one more byte needs another one.
  const { done } = await reader.read(new Uint8Array(1));
  if (!done) throw tooLong();
  return all;
}

async function copied(
  bytes: Uint8Array,
  start: number,
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<Uint8Array> {
  let offset = start;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (offset + value.byteLength > bytes.byteLength) throw tooLong();
    bytes.set(value, offset);
    offset += value.byteLength;
  }
  if (offset !== bytes.byteLength) throw cutShort();
  return bytes;
}

function cutShort(): TransientError {
  return new TransientError("the message was cut short before it reached the Worker", "message");
}

function tooLong(): TransientError {
  return new TransientError("the message is longer than the edge announced", "message");
}
