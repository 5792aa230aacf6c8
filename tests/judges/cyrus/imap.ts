import { connect } from "node:net";
import type { Socket } from "node:net";

const CRLF = Buffer.from("\r\n");
const ANSWER_BUDGET_MS = 30_000;

/** As much of IMAP4rev1 (RFC 3501) as it takes to read a mailbox back byte for byte. */
export class ImapClient {
  private readonly pending: Buffer[] = [];
  private wake: () => void = () => undefined;
  private failure: Error | undefined;
  private commands = 0;

  private constructor(private readonly socket: Socket) {
    socket.on("data", (chunk) => {
      this.pending.push(chunk);
      this.wake();
    });
    const fail = (error: Error) => {
      this.failure ??= error;
      this.wake();
    };
    socket.on("error", fail);
    socket.on("close", () => fail(new Error("IMAP: the server closed the connection")));
    socket.setTimeout(ANSWER_BUDGET_MS, () => socket.destroy(new Error("IMAP: no answer")));
  }

  /** Resolves after the greeting. */
  static async connect(port: number): Promise<ImapClient> {
    const client = new ImapClient(connect(port, "127.0.0.1"));
    const greeting = await client.line();
    if (!greeting.startsWith("* OK")) throw new Error(`IMAP: ${greeting}`);
    return client;
  }

  async login(user: string, password: string): Promise<void> {
    await this.command(`LOGIN "${user}" "${password}"`);
  }

  /** The number of messages. */
  async select(mailbox: string): Promise<number> {
    const { lines } = await this.command(`SELECT "${mailbox}"`);
    return Number(/^\* (\d+) EXISTS/m.exec(lines.join("\n"))?.[1]);
  }

  /** The message as it is stored, and its flags. */
  async fetch(sequenceNumber: number): Promise<{ readonly raw: Buffer; readonly flags: string }> {
    const { lines, literals } = await this.command(`FETCH ${sequenceNumber} (FLAGS BODY.PEEK[])`);
    const [raw] = literals;
    if (raw === undefined) throw new Error(`IMAP: no message ${sequenceNumber}`);
    return { raw, flags: /FLAGS \(([^)]*)\)/.exec(lines.join("\n"))?.[1] ?? "" };
  }

  /** The names of all mailboxes that the user sees. */
  async list(): Promise<readonly string[]> {
    const { lines } = await this.command('LIST "" "*"');
    return lines.flatMap((line) => /^\* LIST \([^)]*\) (?:"."|NIL) "?([^"]+)"?$/.exec(line)?.[1] ?? []);
  }

  async setAcl(mailbox: string, user: string, rights: string): Promise<void> {
    await this.command(`SETACL "${mailbox}" "${user}" ${rights}`);
  }

  /** RFC 9208 section 4.1.2; in KiB. */
  async setQuota(root: string, kib: number): Promise<void> {
    await this.command(`SETQUOTA "${root}" (STORAGE ${kib})`);
  }

  async close(): Promise<void> {
    if (this.failure === undefined) await this.command("LOGOUT").catch(() => undefined);
    this.socket.destroy();
  }

  private async command(
    text: string,
  ): Promise<{ readonly lines: readonly string[]; readonly literals: readonly Buffer[] }> {
    const tag = `t${(this.commands += 1)}`;
    this.socket.write(`${tag} ${text}\r\n`);
    const lines: string[] = [];
    const literals: Buffer[] = [];
    for (;;) {
      const line = await this.line();
      if (line.startsWith(`${tag} OK`)) return { lines, literals };
      if (line.startsWith(`${tag} `)) throw new Error(`IMAP: ${text.split(" ", 1).join("")}: ${line}`);
      lines.push(line);
      const size = /\{(\d+)\}$/.exec(line)?.[1];
      if (size !== undefined) literals.push(await this.take(Number(size)));
    }
  }

  private async line(): Promise<string> {
    for (;;) {
      const received = this.received();
      const end = received.indexOf(CRLF);
      if (end < 0) {
        await this.more();
        continue;
      }
      this.pending.splice(0, this.pending.length, received.subarray(end + CRLF.length));
      return received.toString("latin1", 0, end);
    }
  }

  private async take(size: number): Promise<Buffer> {
    // Joined once: a literal of 24 MiB comes in some hundred pieces.
    while (this.pending.reduce((sum, { length }) => sum + length, 0) < size) await this.more();
    const received = this.received();
    this.pending.splice(0, this.pending.length, received.subarray(size));
    return received.subarray(0, size);
  }

  private received(): Buffer {
    return Buffer.concat(this.pending);
  }

  private async more(): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    await new Promise<void>((resolve) => (this.wake = resolve));
  }
}
