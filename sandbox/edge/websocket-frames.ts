import { createHash } from "node:crypto";

/** RFC 6455 section 11.8. */
export const Opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** RFC 6455 section 1.3. */
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const FINAL = 0x80;
const MASKED = 0x80;
const LENGTH_16 = 126;
const LENGTH_64 = 127;
const MASK_BYTES = 4;

export interface WebSocketMessage {
  readonly opcode: number;
  readonly payload: Buffer;
}

/** `Sec-WebSocket-Accept` for that `Sec-WebSocket-Key`. */
export function acceptKey(key: string): string {
  return createHash("sha1")
    .update(key + GUID)
    .digest("base64");
}

/** One whole message from a server: not masked, not fragmented (RFC 6455 section 5.2). */
export function frame(opcode: number, payload: Buffer): Buffer {
  const { length } = payload;
  if (length < LENGTH_16) return Buffer.concat([Buffer.from([FINAL | opcode, length]), payload]);
  const isShort = length < 0x10000;
  const head = Buffer.alloc(isShort ? 4 : 10);
  head[0] = FINAL | opcode;
  head[1] = isShort ? LENGTH_16 : LENGTH_64;
  if (isShort) head.writeUInt16BE(length, 2);
  else head.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([head, payload]);
}

/** Messages of a client from bytes as they come. */
export class FrameReader {
  private pending: Buffer = Buffer.alloc(0);
  private fragments: Buffer[] = [];
  private fragmented: number | undefined;

  /** @param largest bytes of a message */
  constructor(private readonly largest: number) {}

  /** @throws Error when a frame is not masked or a message is too large. */
  push(chunk: Buffer): readonly WebSocketMessage[] {
    this.pending = this.pending.length === 0 ? chunk : Buffer.concat([this.pending, chunk]);
    const messages: WebSocketMessage[] = [];
    for (;;) {
      const message = this.take();
      if (message === undefined) return messages;
      if (message !== "fragment") messages.push(message);
    }
  }

  private take(): WebSocketMessage | "fragment" | undefined {
    const [first = 0, second = 0] = this.pending;
    if (this.pending.length < 2) return undefined;
    if ((second & MASKED) === 0) throw new Error("WebSocket: a client's frame is not masked");
    const short = second & 0x7f;
    const lengthBytes = short === LENGTH_16 ? 2 : short === LENGTH_64 ? 8 : 0;
    const start = 2 + lengthBytes + MASK_BYTES;
    if (this.pending.length < start) return undefined;
    const length =
      lengthBytes === 0 ? short : this.pending.readUIntBE(2 + Math.max(lengthBytes - 6, 0), Math.min(lengthBytes, 6));
    if (length > this.largest) throw new Error("WebSocket: 1009, the message is too large");
    if (this.pending.length < start + length) return undefined;
    const mask = this.pending.subarray(start - MASK_BYTES, start);
    const payload = Buffer.from(this.pending.subarray(start, start + length));
    for (let index = 0; index < length; index += 1)
      payload[index] = (payload[index] ?? 0) ^ (mask[index % MASK_BYTES] ?? 0);
    this.pending = this.pending.subarray(start + length);
    return this.whole(first & 0x0f, (first & FINAL) !== 0, payload);
  }

  private whole(opcode: number, isFinal: boolean, payload: Buffer): WebSocketMessage | "fragment" {
    // Control frames come between fragments and are none.
    if (opcode >= Opcode.close || (isFinal && this.fragmented === undefined)) return { opcode, payload };
    if (opcode !== Opcode.continuation) this.fragmented = opcode;
    this.fragments.push(payload);
    if (!isFinal) return "fragment";
    const whole = { opcode: this.fragmented ?? opcode, payload: Buffer.concat(this.fragments) };
    this.fragmented = undefined;
    this.fragments = [];
    return whole;
  }
}
