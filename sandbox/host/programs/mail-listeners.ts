import type { Duplex } from "node:stream";
import type { Socket } from "node:net";
import { createSecureContext, TLSSocket } from "node:tls";

import { isProps, type Props, textAt } from "../../cloud/props";
import { converse as deliverTo, type LmtpServices } from "../lmtp-server";
import { listen, type Loopback } from "../loopback";
import { proxyHeaderLength } from "../proxy-header";

/** What the listeners ask the rest of the server. */
export interface MailServices {
  /** PEM of chain and key; undefined while there is no certificate. */
  readonly certificate: () => { readonly cert: string; readonly key: string } | undefined;
  /** How many messages that account's Inbox holds; undefined: wrong credentials. */
  readonly inbox: (user: string, password: string) => number | undefined;
  /** Delivery by LMTP to the listener of that name. */
  readonly lmtp: (listener: string) => LmtpServices;
}

export interface MailListeners {
  /** Loopback ports by the listener's own. */
  readonly ports: ReadonlyMap<number, number>;
  readonly close: () => Promise<void>;
}

/**
 * Stalwart's listeners for IMAP, submission, ManageSieve and LMTP, as its objects `x:NetworkListener` declare them: a PROXY header
 * where a peer is trusted, TLS where it is implicit, then the server speaks first. Of IMAP there is enough to log in and see
 * how much mail there is; the others greet and take their leave.
 */
export async function openMailListeners(listeners: Iterable<Props>, services: MailServices): Promise<MailListeners> {
  const ports = new Map<number, number>();
  const opened: Loopback[] = [];
  for (const listener of listeners) {
    const bind = isProps(listener["bind"]) ? Object.keys(listener["bind"]) : [];
    for (const address of bind) {
      if (textAt(listener, "protocol") === "http") continue;
      const loopback = await listen((socket) => {
        void serve(socket, listener, services).catch(() => socket.destroy());
      });
      opened.push(loopback);
      ports.set(Number(address.slice(address.lastIndexOf(":") + 1)), loopback.port);
    }
  }
  return {
    ports,
    close: async () => {
      await Promise.all(opened.map(({ close }) => close()));
    },
  };
}

async function serve(socket: Socket, listener: Props, services: MailServices): Promise<void> {
  const trusted = listener["overrideProxyTrustedNetworks"];
  if (isProps(trusted) && Object.keys(trusted).length > 0) await takeProxyHeader(socket);
  const stream = listener["tlsImplicit"] === true ? encrypted(socket, services) : socket;
  if (stream === undefined) return void socket.destroy();
  stream.on("error", () => socket.destroy());
  if (textAt(listener, "protocol") === "lmtp")
    return await deliverTo(socket, services.lmtp(textAt(listener, "name") ?? ""));
  converse(stream, dialogue(textAt(listener, "protocol") ?? "", services));
}

/** Takes the header off and leaves the rest in the socket. */
async function takeProxyHeader(socket: Socket): Promise<void> {
  let seen: Buffer = Buffer.alloc(0);
  for (;;) {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) {
      await new Promise((resolve) => socket.once("readable", resolve).once("close", resolve));
      if (socket.destroyed) throw new Error("the peer hung up");
      continue;
    }
    seen = Buffer.concat([seen, chunk]);
    const length = proxyHeaderLength(seen);
    if (length === undefined) continue;
    if (seen.length > length) socket.unshift(seen.subarray(length));
    return;
  }
}

function encrypted(socket: Socket, { certificate }: MailServices): Duplex | undefined {
  const pair = certificate();
  return pair && new TLSSocket(socket, { isServer: true, secureContext: createSecureContext(pair) });
}

/** A greeting, and the answer to each line; undefined ends the conversation. */
interface Dialogue {
  readonly greeting: string;
  readonly answer: (line: string) => string | undefined;
}

function converse(stream: Duplex, { greeting, answer }: Dialogue): void {
  stream.write(greeting);
  let pending = "";
  stream.on("data", (chunk: Buffer) => {
    const lines = (pending + chunk.toString("latin1")).split("\r\n");
    pending = lines.pop() ?? "";
    for (const line of lines) {
      const reply = answer(line);
      if (reply === undefined) return void stream.end();
      stream.write(reply);
    }
  });
}

function dialogue(protocol: string, services: MailServices): Dialogue {
  switch (protocol) {
    case "imap":
      return imap(services);
    case "smtp":
      return {
        greeting: "220 Stalwart ESMTP at your service.\r\n",
        answer: (line) => (/^QUIT$/i.test(line) ? undefined : "250 2.0.0 OK\r\n"),
      };
    default:
      return {
        greeting:
          '"IMPLEMENTATION" "Stalwart ManageSieve"\r\n"SASL" ""\r\n"STARTTLS"\r\nOK "Stalwart ManageSieve ready."\r\n',
        answer: (line) => (/^LOGOUT$/i.test(line) ? undefined : "OK\r\n"),
      };
  }
}

/** RFC 9051: CAPABILITY, LOGIN, SELECT, LOGOUT. */
function imap({ inbox }: MailServices): Dialogue {
  let messages: number | undefined;
  return {
    greeting: "* OK [CAPABILITY IMAP4rev2 IMAP4rev1] Stalwart IMAP4rev2 at your service.\r\n",
    answer: (line) => {
      const [, tag = "*", command = "", rest = ""] = /^(\S+) (\S+) ?(.*)$/.exec(line) ?? [];
      switch (command.toUpperCase()) {
        case "CAPABILITY":
          return `* CAPABILITY IMAP4rev2 IMAP4rev1\r\n${tag} OK CAPABILITY completed\r\n`;
        case "LOGIN": {
          const [user = "", password = ""] = [...rest.matchAll(/"([^"]*)"|(\S+)/g)].map(
            ([, quoted, bare]) => quoted ?? bare,
          );
          messages = inbox(user, password);
          return `${tag} ${messages === undefined ? "NO [AUTHENTICATIONFAILED] Authentication failed" : "OK Authentication successful"}\r\n`;
        }
        case "SELECT":
          return messages === undefined
            ? `${tag} NO Not authenticated\r\n`
            : `* ${messages} EXISTS\r\n${tag} OK [READ-WRITE] SELECT completed\r\n`;
        case "LOGOUT":
          return undefined;
        default:
          return `${tag} BAD the sandbox does not know ${command}\r\n`;
      }
    },
  };
}
