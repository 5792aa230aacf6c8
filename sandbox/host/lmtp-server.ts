import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import type { Account } from "./accounts";
import { ByteInbox } from "./byte-inbox";
import { isDuplicate } from "./duplicates";
import type { MailStore } from "./mail-store";
import { hasKnownHeader } from "./message-head";

/** What the listener asks the rest of the server. */
export interface LmtpServices {
  readonly store: MailStore;
  /** Whose mail that address is, with sub-addressing and catch-all; undefined: nobody's. */
  readonly recipient: (address: string) => Account | "unknown" | "elsewhere";
  /** The server's clock, in milliseconds since the epoch; absent: this machine's. */
  readonly now?: () => number;
  /** What happens at a step in place of the usual; undefined: the usual. */
  readonly trouble?: (step: LmtpStep) => LmtpTrouble | undefined;
}

export type LmtpStep = "greeting" | "LHLO" | "MAIL" | "RCPT" | "DATA" | "BDAT" | "message";

/** Text that is sent as it stands instead of the reply; then the connection closes, or nothing more is read. */
export interface LmtpTrouble {
  readonly say?: string;
  readonly isClosed?: boolean;
  readonly isDeaf?: boolean;
  /** The message is delivered all the same. */
  readonly isDone?: boolean;
}

export interface LmtpServer {
  /** On loopback. */
  readonly port: number;
  /** Connections are refused until `resume`. */
  readonly pause: () => Promise<void>;
  readonly resume: () => Promise<void>;
  readonly close: () => Promise<void>;
}

const LINE_END = Buffer.from("\r\n");
const END_OF_DATA = Buffer.from("\r\n.\r\n");
const INBOX = "a";
const CAPABILITIES = ["SMTPUTF8", "SIZE 104857600", "PIPELINING", "ENHANCEDSTATUSCODES", "CHUNKING", "8BITMIME"];

/**
 * A model of Stalwart's LMTP listener (0.16.18, measured): 250 means queued; a duplicate of a message that the account
 * has already is taken and not stored; one over the quota is taken too and stays in the queue; the octets of a refused BDAT
 * are read. Sieve and the spam filter are not in it.
 */
export async function startLmtpServer(services: LmtpServices): Promise<LmtpServer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
    void converse(socket, services).catch(() => socket.destroy());
  });
  const listen = (port: number) =>
    new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, "127.0.0.1", () => {
        server.off("error", reject);
        resolve();
      });
    });
  await listen(0);
  const { port } = server.address() as AddressInfo;
  return { port, pause, resume: () => listen(port), close: pause };

  function pause(): Promise<void> {
    if (!server.listening) return Promise.resolve();
    return new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  }
}

interface Transaction {
  readonly from: string;
  readonly to?: string;
  readonly account?: Account;
  readonly chunks: Buffer[];
}

/** One connection, from the greeting to QUIT. For the listener of a server that accepts connections itself. */
export async function converse(socket: Socket, services: LmtpServices): Promise<void> {
  const inbox = new ByteInbox(socket);
  let transaction: Transaction | undefined;
  if (!reply("greeting", "220 localhost Stalwart LMTP at your service.")) return;
  for (;;) {
    const line = (await inbox.until(LINE_END))?.toString("utf8").trimEnd();
    if (line === undefined) return;
    const [verb = ""] = line.toUpperCase().split(" ", 1);
    const path = /<([^>]*)>/.exec(line)?.[1] ?? "";
    switch (verb) {
      case "LHLO": {
        const lines = ["localhost you had me at EHLO", ...CAPABILITIES];
        const answer = lines.map((text, index) => `250${index === lines.length - 1 ? " " : "-"}${text}`);
        if (!reply("LHLO", answer.join("\r\n"))) return;
        break;
      }
      case "MAIL":
        transaction = { from: path, chunks: [] };
        if (!reply("MAIL", "250 2.1.0 OK")) return;
        break;
      case "RCPT":
        if (!takeRecipient(path)) return;
        break;
      case "DATA": {
        if (transaction?.account === undefined) {
          socket.write("503 5.5.1 RCPT is required first.\r\n");
          break;
        }
        if (!reply("DATA", "354 Start mail input; end with <CRLF>.<CRLF>")) return;
        const message = await dataOf(inbox);
        if (message === undefined || !take(message)) return;
        break;
      }
      case "BDAT": {
        const [, size = "", last] = line.split(" ");
        const chunk = await inbox.exactly(Number(size));
        if (chunk === undefined) return;
        if (transaction?.account === undefined) {
          socket.write("503 5.5.1 RCPT is required first.\r\n");
          break;
        }
        transaction.chunks.push(chunk);
        if (last === undefined) {
          if (!reply("BDAT", "250 2.6.0 Chunk accepted.")) return;
        } else if (!take(Buffer.concat(transaction.chunks))) return;
        break;
      }
      case "QUIT":
        socket.end("221 2.0.0 Bye.\r\n");
        return;
      default:
        socket.write("500 5.5.1 Invalid command.\r\n");
    }
  }

  /** False: the conversation is over. */
  function reply(step: LmtpStep, usual: string): boolean {
    const trouble = services.trouble?.(step);
    if (trouble === undefined) {
      socket.write(`${usual}\r\n`);
      return true;
    }
    if (trouble.say !== undefined) socket.write(trouble.say);
    if (trouble.isClosed === true) socket.end();
    if (/^[45]/.test(trouble.say ?? "") && step !== "message") transaction = undefined;
    return trouble.isClosed !== true && trouble.isDeaf !== true;
  }

  function takeRecipient(address: string): boolean {
    if (transaction === undefined) {
      socket.write("503 5.5.1 MAIL is required first.\r\n");
      return true;
    }
    const found = services.recipient(address);
    if (found === "elsewhere") return reply("RCPT", "550 5.1.2 Relay not allowed.");
    if (found === "unknown") return reply("RCPT", "550 5.1.2 Mailbox does not exist.");
    transaction = { ...transaction, to: address, account: found };
    return reply("RCPT", "250 2.1.5 OK");
  }

  function take(message: Buffer): boolean {
    const taken = transaction;
    transaction = undefined;
    if (taken?.account === undefined) return false;
    const trouble = services.trouble?.("message");
    if (trouble === undefined || trouble.isDone === true) {
      if (!hasKnownHeader(message)) {
        socket.write("550 5.7.7 Failed to parse message.\r\n");
        return true;
      }
      deliver(taken, taken.account, message);
    }
    if (trouble === undefined) {
      socket.write("250 2.0.0 Message queued with id 4bf33b8e7000e00.\r\n");
      return true;
    }
    if (trouble.say !== undefined) socket.write(trouble.say);
    if (trouble.isClosed === true) socket.end();
    return trouble.isClosed !== true && trouble.isDeaf !== true;
  }

  function deliver({ from, to = "" }: Transaction, account: Account, message: Buffer): void {
    const present = services.store.messages(account);
    if (present.some(({ raw }) => isDuplicate(message, raw))) return;
    const now = new Date(services.now?.() ?? Date.now()).toISOString();
    const head = Buffer.from(`Delivered-To: ${to}\r\nX-Spam-Status: No\r\nReturn-Path: <${from}>\r\n`);
    const stored = services.store.add(account, {
      mailboxId: INBOX,
      keywords: {},
      receivedAt: now,
      raw: Buffer.concat([head, message]),
    });
    if ("type" in stored) services.store.enqueue({ returnPath: from, recipient: to, createdAt: now });
  }
}

/** The message before the line that ends it, without the dots that were doubled (RFC 5321 section 4.5.2). */
async function dataOf(inbox: ByteInbox): Promise<Buffer | undefined> {
  const data = await inbox.until(END_OF_DATA);
  const text = data?.subarray(0, -3).toString("latin1");
  return text === undefined ? undefined : Buffer.from(text.replace(/(^|\r\n)\.\./g, "$1."), "latin1");
}
