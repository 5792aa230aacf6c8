import type { Socket } from "node:net";

/** The line or the bytes that a conversation needs next, taken from what has come. */
export class ByteInbox {
  /** The bytes from `start` to `end` are what has come and was not taken. */
  private bytes: Buffer = Buffer.alloc(1024);
  private start = 0;
  private end = 0;
  private wake: () => void = () => undefined;
  private isEnded = false;

  /** @param burst is told whenever something came */
  constructor(socket: Socket, burst: () => void = () => undefined) {
    socket.on("data", (chunk: Buffer) => {
      this.push(chunk);
      burst();
      this.wake();
    });
    socket.on("close", () => {
      this.isEnded = true;
      this.wake();
    });
  }

  /** Up to and with the mark; undefined when the other side has closed before. */
  async until(mark: Buffer): Promise<Buffer | undefined> {
    let searched = 0;
    for (;;) {
      const index = this.bytes.subarray(this.start, this.end).indexOf(mark, searched);
      if (index >= 0) return this.remove(index + mark.length);
      searched = Math.max(this.end - this.start - mark.length, 0);
      if (!(await this.more())) return undefined;
    }
  }

  /** So many bytes; undefined when the other side has closed before. */
  async exactly(length: number): Promise<Buffer | undefined> {
    while (this.end - this.start < length) if (!(await this.more())) return undefined;
    return this.remove(length);
  }

  /** What was taken last is there again. */
  unread({ length }: Buffer): void {
    this.start -= length;
  }

  private push(chunk: Buffer): void {
    if (this.end + chunk.length > this.bytes.length) {
      const waiting = this.bytes.subarray(this.start, this.end);
      const larger = Buffer.alloc(2 * (waiting.length + chunk.length));
      waiting.copy(larger);
      this.end = waiting.length;
      this.start = 0;
      this.bytes = larger;
    }
    this.end += chunk.copy(this.bytes, this.end);
  }

  private remove(length: number): Buffer {
    const taken = Buffer.from(this.bytes.subarray(this.start, this.start + length));
    this.start += length;
    return taken;
  }

  private async more(): Promise<boolean> {
    if (this.isEnded) return false;
    await new Promise<void>((resolve) => (this.wake = resolve));
    return true;
  }
}
