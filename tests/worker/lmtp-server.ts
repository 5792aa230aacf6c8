import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { ByteInbox } from "../../sandbox/host/byte-inbox";
import type { Step } from "../../worker/src/lmtp/verdict";

/** What the server does at a step instead of what it should. */
export interface Play {
  /** Sent as it stands, line ends included. Without it nothing is sent. */
  readonly say?: string;
  /** The connection is closed after that. */
  readonly isClosed?: boolean;
  /** What follows is not read any more. */
  readonly isDeaf?: boolean;
}

export interface Script {
  /** Keywords of the answer to LHLO. */
  readonly extensions?: readonly string[];
  readonly plays?: Partial<Record<Step, Play>>;
  /** Like maddy: the octets of a refused BDAT are taken for commands. */
  readonly isNaive?: boolean;
  /** Cuts what is sent into pieces of that many bytes, again and again; without it everything goes out at once. */
  readonly cuts?: readonly number[];
}

export const ALL_EXTENSIONS = [
  "PIPELINING",
  "CHUNKING",
  "SIZE 52428800",
  "8BITMIME",
  "SMTPUTF8",
  "ENHANCEDSTATUSCODES",
] as const;

/** What one connection has seen. */
export interface Visit {
  /** Command lines in order. */
  readonly commands: string[];
  /** How many commands each write of the client brought: pieces that came in one go, roughly. */
  readonly bursts: string[][];
  /** Complete messages that were answered with 250. */
  readonly messages: Buffer[];
  isOver: boolean;
}

/** An LMTP server on loopback that keeps to the RFCs except where it is told not to. */
export interface ScriptedServer {
  readonly port: number;
  script: Script;
  readonly visits: Visit[];
  readonly close: () => Promise<void>;
}

const LINE_END = Buffer.from("\r\n");
const END_OF_DATA = Buffer.from("\r\n.\r\n");

export async function startScriptedServer(): Promise<ScriptedServer> {
  const sockets = new Set<Socket>();
  const visits: Visit[] = [];
  const server = createServer((socket) => {
    sockets.add(socket);
    const visit: Visit = { commands: [], bursts: [], messages: [], isOver: false };
    visits.push(visit);
    socket.setNoDelay(true);
    socket.on("error", () => undefined);
    socket.on("close", () => {
      visit.isOver = true;
      sockets.delete(socket);
    });
    serve(socket, visit, scripted.script).catch(() => socket.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const scripted: ScriptedServer = { port: (server.address() as AddressInfo).port, script: {}, visits, close };
  return scripted;

  function close(): Promise<void> {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve, reject) => server.close((error) => (error ? reject(error) : resolve())));
  }
}

/** The message before the line that ends it (RFC 5321 section 4.5.2). Strict: only CRLF ends a line. */
async function dataOf(inbox: ByteInbox): Promise<Buffer | undefined> {
  const first = await inbox.exactly(3);
  if (first === undefined || first.toString() === ".\r\n") return first?.subarray(3);
  inbox.unread(first);
  const data = await inbox.until(END_OF_DATA);
  if (data === undefined) return undefined;
  const text = data.subarray(0, -3).toString("latin1");
  return Buffer.from(text.replace(/(^|\r\n)\.\./g, "$1."), "latin1");
}

async function serve(
  socket: Socket,
  visit: Visit,
  { extensions = ALL_EXTENSIONS, plays = {}, cuts, isNaive = false }: Script,
) {
  const inbox = new ByteInbox(socket, () => visit.bursts.push([]));
  let hasSender = false;
  let hasRecipient = false;
  let isFailed = false;
  let chunks: Buffer[] = [];

  /** False when the conversation is over. */
  const play = async (step: Step, usual: string): Promise<boolean> => {
    const { say = plays[step] === undefined ? usual : "", isClosed = false, isDeaf = false } = plays[step] ?? {};
    await sendCut(socket, say, cuts);
    if (isClosed) socket.end();
    return !isClosed && !isDeaf;
  };
  const isRefused = (step: Step) => /^[45]/.test(plays[step]?.say ?? "");

  if (!(await play("greeting", "220 scripted LMTP\r\n"))) return;
  for (;;) {
    const line = (await inbox.until(LINE_END))?.toString("latin1").slice(0, -2);
    if (line === undefined) return;
    visit.commands.push(line);
    visit.bursts.at(-1)?.push(line);
    const verb = line.split(" ", 1).join("").toUpperCase();
    if (verb === "LHLO") {
      const lines = ["scripted", ...extensions];
      const usual = lines.map((text, index) => `250${index === lines.length - 1 ? " " : "-"}${text}\r\n`).join("");
      if (!(await play("LHLO", usual))) return;
    } else if (verb === "MAIL") {
      hasSender = !isRefused("MAIL");
      if (!(await play("MAIL", "250 2.1.0 ok\r\n"))) return;
    } else if (verb === "RCPT") {
      hasRecipient = hasSender && !isRefused("RCPT");
      if (!(await play("RCPT", hasSender ? "250 2.1.5 ok\r\n" : "503 5.5.1 MAIL first\r\n"))) return;
    } else if (verb === "DATA") {
      if (!hasRecipient) {
        await sendCut(socket, "503 5.5.1 no valid recipients\r\n", cuts);
        continue;
      }
      if (!(await play("DATA", "354 go ahead\r\n"))) return;
      const data = await dataOf(inbox);
      if (data === undefined) return;
      if (plays.message === undefined) visit.messages.push(data);
      if (!(await play("message", "250 2.0.0 stored\r\n"))) return;
    } else if (verb === "BDAT") {
      const [, size = "", last] = line.split(" ");
      const isDue = hasRecipient && !isFailed;
      const chunk = isDue || !isNaive ? await inbox.exactly(Number(size)) : Buffer.alloc(0);
      if (chunk === undefined) return;
      if (!isDue) {
        await sendCut(socket, "503 5.5.1 no transaction\r\n", cuts);
        continue;
      }
      chunks.push(Buffer.from(chunk));
      if (last === undefined) {
        isFailed = isRefused("BDAT");
        if (!(await play("BDAT", "250 2.0.0 chunk\r\n"))) return;
        continue;
      }
      if (plays.message === undefined) visit.messages.push(Buffer.concat(chunks));
      chunks = [];
      if (!(await play("message", "250 2.0.0 stored\r\n"))) return;
    } else if (verb === "QUIT") {
      await sendCut(socket, "221 2.0.0 bye\r\n", cuts);
      socket.end();
      return;
    } else {
      await sendCut(socket, "500 5.5.2 unknown\r\n", cuts);
    }
  }
}

async function sendCut(socket: Socket, text: string, cuts: readonly number[] = []): Promise<void> {
  let rest = Buffer.from(text, "latin1");
  for (let index = 0; rest.length > 0; index += 1) {
    const size = Math.max(cuts[index % Math.max(cuts.length, 1)] ?? rest.length, 1);
    if (!socket.destroyed) socket.write(rest.subarray(0, size));
    rest = rest.subarray(size);
    if (cuts.length > 0) await turn();
  }
}
