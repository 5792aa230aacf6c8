import { createServer as createHttpServer, type IncomingHttpHeaders } from "node:http";
import { connect, createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";

import { readProxyHeader } from "./proxy-protocol";

export interface Place {
  readonly host: string;
  readonly port: number;
}

export interface Backend {
  readonly close: () => Promise<void>;
}

export interface MailBackend extends Backend {
  /** The clients of all connections so far, as the PROXY headers named them. */
  readonly clients: string[];
}

/** What the HTTP backend answers, as JSON. */
export interface Echo {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** Bytes of the body. */
  readonly received: number;
}

/**
 * Stands for one of Stalwart's mail ports: takes the PROXY header that Stalwart insists on and gives the rest to a server
 * that knows no such thing. A connection without the header is closed.
 */
export async function proxiedBackend(at: Place, server: Place): Promise<MailBackend> {
  const clients: string[] = [];
  const sockets = new Set<Socket>();
  const listener = createServer((socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    let received = Buffer.alloc(0);
    const onData = (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      try {
        const header = readProxyHeader(received);
        if (header === undefined) return;
        clients.push(header.source);
        socket.off("data", onData).pause();
        join(socket, received.subarray(header.length));
      } catch {
        socket.destroy();
      }
    };
    socket.on("data", onData);
  });
  await listening(listener, at);
  return { clients, close: () => closed(listener, () => sockets.forEach((socket) => socket.destroy())) };

  function join(socket: Socket, first: Buffer): void {
    const other = connect(server);
    other.on("error", () => socket.destroy());
    other.once("close", () => socket.destroy());
    socket.once("close", () => other.destroy());
    other.write(first);
    socket.pipe(other).pipe(socket);
  }
}

/** An event stream whose first event comes at once, and that stays open (RFC 8620 section 7.3). */
export const EVENTS = "/jmap/eventsource/";
export const FIRST_EVENT = "event: ping\n\n";

/**
 * Stands for Stalwart's HTTP port: answers every request with what arrived, but for {@link EVENTS}. After a change of the
 * protocol to WebSocket it sends back every byte.
 */
export async function echoBackend(at: Place): Promise<Backend> {
  const server = createHttpServer((request, response) => {
    if (request.url === EVENTS) {
      response.writeHead(200, { "content-type": "text/event-stream" }).write(FIRST_EVENT);
      return;
    }
    let received = 0;
    request.on("data", (chunk: Buffer) => (received += chunk.length));
    request.on("end", () => {
      const echo: Echo = { path: request.url ?? "", headers: request.headers, received };
      response.setHeader("content-type", "application/json").end(JSON.stringify(echo));
    });
  });
  const upgraded = new Set<Duplex>();
  server.on("upgrade", (_request, socket) => {
    upgraded.add(socket);
    socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    socket.pipe(socket);
    socket.on("error", () => socket.destroy());
  });
  await listening(server, at);
  const end = () => {
    upgraded.forEach((socket) => socket.destroy());
    server.closeAllConnections();
  };
  return { close: () => closed(server, end) };
}

function listening(server: Server, { host, port }: Place): Promise<void> {
  return new Promise((resolve, reject) => server.once("error", reject).listen(port, host, () => resolve()));
}

function closed(server: Server, end: () => void): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    end();
  });
}
