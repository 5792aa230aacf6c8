import { lookup } from "node:dns/promises";
import { connect, type Socket } from "node:net";
import { connect as connectTls, type PeerCertificate, type TLSSocket } from "node:tls";

import { type Certificate, type Net, Unreachable } from "../context";
import type { Place, Places } from "./place";

/** Shorter than a check's budget, so that the check can say what it was. */
const CONNECT_MS = 2_500;
const ANSWER_MS = 3_000;
const SMTP_NAME = "doctor.invalid";

export interface NetOptions {
  /** Where a name and port are. */
  readonly places: Places;
  /** In place of the system's look-up; for tests. */
  readonly lookup?: (hostname: string) => Promise<string | undefined>;
  /** PEM certificates to trust instead of the system's; for tests. */
  readonly ca?: string;
}

/** TCP and TLS of this machine. */
export class NetClient implements Net {
  readonly #options: NetOptions;

  constructor(options: NetOptions) {
    this.#options = options;
  }

  async lookup(hostname: string): Promise<string | undefined> {
    if (this.#options.lookup) return await this.#options.lookup(hostname);
    try {
      return (await lookup(hostname)).address;
    } catch {
      return undefined;
    }
  }

  async reach(address: string, port: number): Promise<void> {
    (await open(await this.#options.places(address, port))).destroy();
  }

  async certificate(hostname: string, port: number, start?: "smtp"): Promise<Certificate> {
    const socket = await open(await this.#options.places(hostname, port));
    try {
      if (start === "smtp") await startTls(socket, hostname);
      return await handshake(socket, hostname, this.#options.ca);
    } finally {
      socket.destroy();
    }
  }
}

function open({ host, port }: Place): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    const fail = () => {
      clearTimeout(timer);
      socket.destroy();
      reject(new Unreachable(`${host}:${port} cannot be reached`));
    };
    const timer = setTimeout(fail, CONNECT_MS);
    socket.once("error", fail).once("connect", () => {
      clearTimeout(timer);
      socket.off("error", fail).on("error", () => undefined);
      resolve(socket);
    });
  });
}

/** The certificate is judged here and not by the handshake, which could then not show it. */
function handshake(socket: Socket, hostname: string, ca: string | undefined): Promise<Certificate> {
  return new Promise((resolve, reject) => {
    const tls = connectTls({
      socket,
      servername: hostname,
      rejectUnauthorized: false,
      ...(ca === undefined ? {} : { ca }),
    });
    const timer = setTimeout(() => fail(new Error("no answer in time")), ANSWER_MS);
    const fail = ({ message }: Error) => {
      clearTimeout(timer);
      tls.destroy();
      reject(new Error(`${hostname} does not speak TLS: ${message}`));
    };
    tls.once("error", fail).once("secureConnect", () => {
      clearTimeout(timer);
      resolve(certificateOf(tls));
      tls.destroy();
    });
  });
}

function certificateOf(tls: TLSSocket): Certificate {
  // Empty when the server showed none, whatever its type says.
  const shown: Partial<PeerCertificate> = tls.getPeerCertificate();
  const { O: organisation, CN: commonName } = shown.issuer ?? {};
  const issuer = [organisation ?? commonName ?? "an unknown authority"].flat();
  return {
    notAfter: new Date(shown.valid_to ?? 0),
    names: [...(shown.subjectaltname ?? "").matchAll(/DNS:([^,\s]+)/g)].map(([, name = ""]) => name),
    issuer: issuer.join(", "),
    fault: tls.authorized ? undefined : tls.authorizationError.toString(),
  };
}

/** RFC 3207: greeting, EHLO, STARTTLS. */
async function startTls(socket: Socket, hostname: string): Promise<void> {
  await reply(socket, hostname, 220);
  socket.write(`EHLO ${SMTP_NAME}\r\n`);
  const extensions = await reply(socket, hostname, 250);
  if (!/^250[ -]STARTTLS/im.test(extensions)) throw new Error(`${hostname} offers no STARTTLS`);
  socket.write("STARTTLS\r\n");
  await reply(socket, hostname, 220);
}

/** One reply of any number of lines (RFC 5321 section 4.2.1). */
function reply(socket: Socket, hostname: string, code: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const timer = setTimeout(() => end(new Error(`${hostname} does not answer as a mail server`)), ANSWER_MS);
    const end = (error?: Error) => {
      clearTimeout(timer);
      socket.off("data", take).off("close", closed);
      if (error) reject(error);
      else resolve(text);
    };
    const closed = () => end(new Error(`${hostname} hangs up`));
    const take = (part: Buffer) => {
      text += part.toString("latin1");
      const last = /^(\d{3}) .*\r?\n$/m.exec(text.slice(text.lastIndexOf("\n", text.length - 2) + 1));
      if (last === null) return;
      end(Number(last[1]) === code ? undefined : new Error(`${hostname} answers ${text.trim().slice(0, 100)}`));
    };
    socket.on("data", take).on("close", closed);
  });
}
