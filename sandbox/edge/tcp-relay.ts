import { createServer } from "node:http";
import type { IncomingMessage } from "node:http";
import { connect } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { acceptKey, FrameReader, frame, Opcode } from "./websocket-frames";

/**
 * cloudflared's buffer (2026.8.2: cfio/copy.go). It reads one WebSocket message into it and drops what does not fit
 * (websocket/connection.go, `Conn.Read`), so a client that sends larger messages loses bytes.
 */
const COPY_BYTES = 16 * 1024;

/** Cloudflare closes the connection to a Worker with 1009 when a message is larger. */
const LARGEST_MESSAGE_BYTES = 1024 * 1024;

/** What Access and the edge answer before cloudflared is asked; undefined: the request goes on. */
export interface RefusedUpgrade {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface TcpRelay {
  readonly port: number;
  /** WebSocket messages that came, in bytes each. */
  readonly received: number[];
  /** Bytes that were dropped because their message was larger than the buffer. */
  readonly dropped: () => number;
  /** Connections to the service that are open now. */
  readonly open: () => number;
  readonly close: () => Promise<void>;
}

export interface TcpRelayOptions {
  /** Where the ingress rule `tcp://…` leads. Asked for each connection; port 0 is refused by everybody. */
  readonly target: (request: IncomingMessage) => number;
  /** Stands for Access. */
  readonly admit?: (request: IncomingMessage) => RefusedUpgrade | undefined;
  /** Hears of every upgrade and takes it over when it returns true: for connections that misbehave. */
  readonly hijack?: (socket: Duplex, key: string) => boolean;
}

/**
 * The way from the edge to a TCP service as cloudflared makes it from an ingress rule `tcp://…`: binary WebSocket messages
 * are the bytes, 101 comes after the service was reached and 502 when it was not, and when the service closes the
 * connection ends without a Close frame.
 */
export async function startTcpRelay({ target, admit, hijack }: TcpRelayOptions): Promise<TcpRelay> {
  const traffic: Traffic = { received: [], dropped: 0, services: new Set() };
  const sockets = new Set<Duplex>();
  const server = createServer((request, response) => {
    const { status, headers, body } = admit?.(request) ?? { status: 502 };
    response.writeHead(status, { ...headers }).end(body);
  });
  server.on("upgrade", (request: IncomingMessage, downstream: Socket) => {
    downstream.on("error", () => undefined);
    downstream.setNoDelay(true);
    sockets.add(downstream);
    downstream.on("close", () => sockets.delete(downstream));
    const refused = admit?.(request);
    if (refused !== undefined) return answer(downstream, refused);
    const key = request.headers["sec-websocket-key"] ?? "";
    if (hijack?.(downstream, key) === true) return;
    carry(downstream, key, target(request), traffic);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  const { received, services } = traffic;
  return { port, received, dropped: () => traffic.dropped, open: () => services.size, close };

  async function close(): Promise<void> {
    for (const socket of [...sockets, ...services]) socket.destroy();
    server.closeAllConnections();
    await new Promise<void>((resolve, reject) => server.close((error) => (error ? reject(error) : resolve())));
  }
}

/** What went through a relay. */
export interface Traffic {
  /** WebSocket messages that came, in bytes each. */
  readonly received: number[];
  /** Bytes. */
  dropped: number;
  /** Open connections. */
  readonly services: Set<Duplex>;
}

/**
 * Joins an upgraded connection with the service on that loopback port, as cloudflared does.
 * @param key the client's `Sec-WebSocket-Key`
 */
export function carry(downstream: Socket, key: string, port: number, traffic: Traffic): void {
  const upstream = connect(port, "127.0.0.1");
  upstream.setNoDelay(true);
  traffic.services.add(upstream);
  upstream.on("close", () => traffic.services.delete(upstream));
  upstream.once("error", () => answer(downstream, { status: 502, body: "error code: 502" }));
  upstream.once("connect", () => {
    upstream.removeAllListeners("error");
    downstream.write(switching(key));
    pipe(downstream, upstream, traffic);
  });
}

function pipe(downstream: Socket, upstream: Socket, traffic: Traffic): void {
  upstream.on("error", () => undefined);
  const reader = new FrameReader(LARGEST_MESSAGE_BYTES);
  downstream.on("data", (chunk: Buffer) => {
    try {
      for (const { opcode, payload } of reader.push(chunk)) {
        if (opcode === Opcode.close) return void upstream.end();
        if (opcode === Opcode.ping) downstream.write(frame(Opcode.pong, payload));
        // cloudflared reads binary messages only and ends at another one.
        if (opcode === Opcode.text) return void upstream.destroy();
        if (opcode !== Opcode.binary) continue;
        traffic.received.push(payload.length);
        traffic.dropped += Math.max(payload.length - COPY_BYTES, 0);
        if (!upstream.write(payload.subarray(0, COPY_BYTES))) downstream.pause();
      }
    } catch {
      upstream.destroy();
      downstream.destroy();
    }
  });
  upstream.on("drain", () => downstream.resume());
  upstream.on("data", (chunk: Buffer) => {
    for (let offset = 0; offset < chunk.length; offset += COPY_BYTES)
      if (!downstream.write(frame(Opcode.binary, chunk.subarray(offset, offset + COPY_BYTES)))) upstream.pause();
  });
  downstream.on("drain", () => upstream.resume());
  // No Close frame: the other side sees 1006.
  upstream.on("close", () => downstream.destroySoon());
  downstream.on("close", () => upstream.end());
}

/** The answer to an upgrade that is granted. */
export function switching(key: string): string {
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptKey(key)}\r\n\r\n`;
}

/** Answers without upgrade, and ends the connection. */
export function answer(socket: Duplex, { status, headers = {}, body = "" }: RefusedUpgrade): void {
  const all = { ...headers, "content-length": String(Buffer.byteLength(body)), connection: "close" };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} Refused\r\n${lines.join("")}\r\n${body}`);
}
