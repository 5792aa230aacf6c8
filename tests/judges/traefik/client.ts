import { type IncomingHttpHeaders, request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectTls, type PeerCertificate, type TLSSocket } from "node:tls";

import type { Echo, Place } from "./backends";
import { proxyHeader } from "./proxy-protocol";

const BUDGET_MS = 20_000;

/** Who connects. */
export interface Who {
  /** The address that the connection comes from. */
  readonly from: string;
  /** The client that a PROXY header at its beginning names; absent: there is no such header. */
  readonly forwards?: string;
}

/** A TCP connection, with the PROXY header sent. */
export async function dial(to: Place, { from, forwards }: Who): Promise<Socket> {
  const socket = connect({ ...to, localAddress: from });
  await new Promise<void>((resolve, reject) => socket.once("connect", () => resolve()).once("error", reject));
  socket.setTimeout(BUDGET_MS, () => socket.destroy(new Error("nothing came")));
  if (forwards !== undefined) socket.write(proxyHeader(forwards));
  return socket;
}

/** TLS over a connection; any certificate will do, the caller looks at it. Rejects when the handshake fails. */
export async function secured(socket: Socket, servername: string | undefined): Promise<TLSSocket> {
  return await new Promise<TLSSocket>((resolve, reject) => {
    const tls = connectTls({ socket, rejectUnauthorized: false, ...(servername === undefined ? {} : { servername }) });
    tls.once("secureConnect", () => resolve(tls)).once("error", reject);
    socket.once("close", () => reject(new Error("the connection was closed")));
  });
}

/** The certificate's names. */
export function namesOf({ subjectaltname }: PeerCertificate): string {
  return subjectaltname ?? "";
}

/** Sends a line and waits for a line that matches; undefined: only waits. */
export async function say(socket: Socket, line: string | undefined, answer: RegExp): Promise<string> {
  return await new Promise<string>((resolve, reject) => {
    let received = "";
    const end = (settle: () => void) => {
      socket.off("data", onData).off("close", onClose).off("error", reject);
      settle();
    };
    const onClose = () => end(() => reject(new Error(`the connection was closed after ${received}`)));
    const onData = (chunk: Buffer) => {
      received += chunk.toString("latin1");
      const found = received.split("\r\n").find((each) => answer.test(each));
      if (found !== undefined) end(() => resolve(found));
    };
    socket.on("data", onData).once("close", onClose).once("error", reject);
    if (line !== undefined) socket.write(`${line}\r\n`);
  });
}

/** Milliseconds until the server's first byte; undefined: none came within `budgetMs`. */
export async function greetedAfter(to: Place, who: Who, budgetMs: number): Promise<number | undefined> {
  const socket = await dial(to, who);
  const start = performance.now();
  try {
    return await Promise.race([
      new Promise<number>((resolve) => socket.once("data", () => resolve(performance.now() - start))),
      sleep(budgetMs).then(() => undefined),
    ]);
  } finally {
    socket.destroy();
  }
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** What the backend saw. Throws when it was not asked. */
  readonly echo: () => Echo;
}

export interface Asked {
  readonly path: string;
  readonly host: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: Buffer;
}

/** An HTTP/1.1 request, over TLS when `who` comes with `tls`. */
export async function ask(to: Place, who: Who & { readonly tls?: true }, asked: Asked): Promise<Answer> {
  const socket = await dial(to, who);
  const stream = who.tls === true ? await secured(socket, asked.host) : socket;
  const { path, host, headers, body } = asked;
  return await new Promise<Answer>((resolve, reject) => {
    const send = who.tls === true ? httpsRequest : httpRequest;
    const sent = send(
      {
        createConnection: () => stream,
        path,
        method: body === undefined ? "GET" : "POST",
        headers: { host, ...headers, ...(body === undefined ? {} : { "content-length": String(body.length) }) },
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
        response.once("end", () => {
          socket.destroy();
          const { statusCode = 0 } = response;
          resolve({ status: statusCode, headers: response.headers, text, echo: () => JSON.parse(text) as Echo });
        });
      },
    );
    sent.once("error", reject).end(body);
  });
}

const TRIES = 200;
const PAUSE_MS = 50;

/** Tries until it succeeds; rejects with the last error after ten seconds of pauses. */
export async function until<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (tries === TRIES) throw error;
      await sleep(PAUSE_MS);
    }
  }
}
