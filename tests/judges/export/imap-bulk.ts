import { connect, type Socket } from "node:net";

const CRLF = Buffer.from("\r\n");

/** A message as IMAP shows it. */
export interface ImapMessage {
  readonly flags: readonly string[];
  readonly internalDate: string;
  readonly raw: Buffer;
}

/** As much of IMAP4rev1 (RFC 3501, LITERAL+) as it takes to fill many mailboxes quickly and to read all of them back. */
export class BulkImap {
  private received = Buffer.alloc(0);
  private wake: () => void = () => undefined;
  private failure: Error | undefined;
  private tag = 0;

  private constructor(private readonly socket: Socket) {
    socket.on("data", (chunk) => {
      this.received = this.received.length === 0 ? chunk : Buffer.concat([this.received, chunk]);
      this.wake();
    });
    const fail = () => {
      this.failure ??= new Error("IMAP: the connection ended");
      this.wake();
    };
    socket.on("error", fail);
    socket.on("close", fail);
  }

  static async login(port: number, user: string, password: string): Promise<BulkImap> {
    const client = new BulkImap(connect(port, "127.0.0.1"));
    await client.line();
    await client.command(`LOGIN "${user}" "${password}"`);
    return client;
  }

  async create(mailbox: string): Promise<void> {
    await this.command(`CREATE ${quoted(mailbox)}`);
  }

  async remove(mailbox: string): Promise<void> {
    await this.command(`DELETE ${quoted(mailbox)}`);
  }

  async subscribe(mailbox: string): Promise<void> {
    await this.command(`SUBSCRIBE ${quoted(mailbox)}`);
  }

  async unsubscribe(mailbox: string): Promise<void> {
    await this.command(`UNSUBSCRIBE ${quoted(mailbox)}`);
  }

  async rename(mailbox: string, name: string): Promise<void> {
    await this.command(`RENAME ${quoted(mailbox)} ${quoted(name)}`);
  }

  /** Changes the first message's flags: `+FLAGS` or `-FLAGS`. */
  async flag(mailbox: string, item: string, flag: string): Promise<void> {
    await this.command(`SELECT ${quoted(mailbox)}`);
    await this.command(`STORE 1 ${item} (${flag})`);
  }

  /** Gives another user every right on a mailbox (RFC 4314). */
  async share(mailbox: string, user: string): Promise<void> {
    await this.command(`SETACL ${quoted(mailbox)} ${quoted(user)} lrswipkxtecdan`);
  }

  async append(mailbox: string, { flags, internalDate, raw }: ImapMessage): Promise<void> {
    const head = `APPEND ${quoted(mailbox)} (${flags.join(" ")}) "${internalDate}" {${raw.length}+}`;
    await this.command(head, raw);
  }

  /** Copies a message of one mailbox to another; for both it is the same content. */
  async copy(from: string, sequence: string, to: string): Promise<void> {
    await this.command(`SELECT ${quoted(from)}`);
    await this.command(`COPY ${sequence} ${quoted(to)}`);
  }

  /** Removes messages by their Message-ID. */
  async expunge(mailbox: string, messages: readonly ImapMessage[]): Promise<void> {
    await this.command(`SELECT ${quoted(mailbox)}`);
    for (const { raw } of messages) {
      const id = /^Message-ID: <([^>]*)>/m.exec(raw.toString("latin1"))?.[1] ?? "";
      const { lines } = await this.command(`SEARCH HEADER Message-ID "${id}"`);
      const numbers = lines.flatMap((line) => /^\* SEARCH ([\d ]+)$/.exec(line)?.[1]?.split(" ") ?? []);
      for (const number of numbers) await this.command(`STORE ${number} +FLAGS.SILENT (\\Deleted)`);
    }
    await this.command("EXPUNGE");
  }

  async list(): Promise<readonly string[]> {
    return namesIn(await this.command('LIST "" "*"'));
  }

  async subscribed(): Promise<readonly string[]> {
    return namesIn(await this.command('LSUB "" "*"'));
  }

  /** Every message of a mailbox. */
  async read(mailbox: string): Promise<readonly ImapMessage[]> {
    const { lines: about } = await this.command(`EXAMINE ${quoted(mailbox)}`);
    if (about.some((line) => line === "* 0 EXISTS")) return [];
    const { lines, literals } = await this.command("FETCH 1:* (FLAGS INTERNALDATE BODY.PEEK[])");
    const heads = lines.filter((line) => / FETCH \(/.test(line) && /\{\d+\}$/.test(line));
    return literals.map((raw, index) => {
      const head = heads[index] ?? "";
      const flags = (/FLAGS \(([^)]*)\)/.exec(head)?.[1] ?? "").split(" ");
      return {
        raw,
        // \Recent is the session's and not the message's.
        flags: flags.filter((flag) => flag !== "" && flag !== "\\Recent").sort(),
        internalDate: /INTERNALDATE "([^"]*)"/.exec(head)?.[1] ?? "",
      };
    });
  }

  async close(): Promise<void> {
    await this.command("LOGOUT").catch(() => undefined);
    this.socket.destroy();
  }

  private async command(
    text: string,
    literal?: Buffer,
  ): Promise<{ readonly lines: readonly string[]; readonly literals: readonly Buffer[] }> {
    const tag = `b${(this.tag += 1)}`;
    const head = Buffer.from(`${tag} ${text}\r\n`);
    this.socket.write(literal === undefined ? head : Buffer.concat([head, literal, CRLF]));
    const lines: string[] = [];
    const literals: Buffer[] = [];
    for (;;) {
      const line = await this.line();
      if (line.startsWith(`${tag} OK`)) return { lines, literals };
      if (line.startsWith(`${tag} `)) throw new Error(`IMAP: ${text.slice(0, 200)}: ${line}`);
      lines.push(line);
      const size = /\{(\d+)\}$/.exec(line)?.[1];
      if (size !== undefined) literals.push(await this.take(Number(size)));
    }
  }

  private async line(): Promise<string> {
    for (let from = 0; ;) {
      const end = this.received.indexOf(CRLF, from);
      if (end >= 0) return (await this.take(end + CRLF.length)).toString("latin1", 0, end);
      from = Math.max(0, this.received.length - 1);
      await this.more();
    }
  }

  private async take(size: number): Promise<Buffer> {
    while (this.received.length < size) await this.more();
    const taken = this.received.subarray(0, size);
    this.received = this.received.subarray(size);
    return taken;
  }

  private async more(): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    await new Promise<void>((resolve) => (this.wake = resolve));
  }
}

function namesIn({
  lines,
  literals,
}: {
  readonly lines: readonly string[];
  readonly literals: readonly Buffer[];
}): readonly string[] {
  let literal = 0;
  return lines
    .filter((line) => /^\* (?:LIST|LSUB) /.test(line))
    .map((line) => {
      const name = /^\* \w+ \([^)]*\) (?:"."|NIL) (.*)$/.exec(line)?.[1] ?? "";
      if (/^\{\d+\}$/.test(name)) return decoded(literals[literal++]?.toString("latin1") ?? "");
      return decoded(name.replace(/^"(.*)"$/, "$1").replace(/\\(.)/g, "$1"));
    })
    .sort();
}

function quoted(mailbox: string): string {
  return `"${encoded(mailbox).replace(/["\\]/g, "\\$&")}"`;
}

/** Modified UTF-7, RFC 3501 section 5.1.3. */
function encoded(name: string): string {
  return name.replaceAll("&", "&-").replace(/[^\u0020-\u007e]+/g, (part) => {
    const base64 = Buffer.from(part, "utf16le").swap16().toString("base64");
    return `&${base64.replace(/=+$/, "").replaceAll("/", ",")}-`;
  });
}

function decoded(name: string): string {
  return name.replace(/&([^-]*)-/g, (_, base64: string) =>
    base64 === "" ? "&" : Buffer.from(base64.replaceAll(",", "/"), "base64").swap16().toString("utf16le"),
  );
}
