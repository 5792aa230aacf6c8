import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { answer, carry } from "./tcp-relay";
import type { Traffic } from "./tcp-relay";

/** Answers a request that the Worker sends. Rejecting breaks the connection. */
export type Outbound = (request: Request) => Promise<Response>;

/**
 * Answers a request to upgrade to a WebSocket: the loopback port that its bytes go to, or what the edge says instead.
 * Rejecting breaks the connection.
 */
export type Upgrade = (request: Request) => Promise<number | Response>;

/** The internet as the Worker sees it: an HTTP proxy on loopback that hands each request to `outbound`. */
export interface OutboundProxy {
  readonly address: string;
  readonly close: () => Promise<void>;
}

/**
 * Real sockets and not a function inside Miniflare: a broken connection, half a body and a hanging one then look to the
 * Worker as they do outside.
 */
export async function startOutboundProxy(outbound: Outbound, upgrade?: Upgrade): Promise<OutboundProxy> {
  // A request to a proxy names the host in its request line.
  const server = createServer({ requireHostHeader: false }, (incoming, outgoing) => {
    relay(outbound, incoming, outgoing).catch(() => outgoing.destroy());
  });
  const traffic: Traffic = { received: [], dropped: 0, services: new Set() };
  const upgraded = new Set<Socket>();
  server.on("upgrade", (incoming: IncomingMessage, socket: Socket) => {
    socket.on("error", () => undefined).on("close", () => upgraded.delete(socket));
    socket.setNoDelay(true);
    upgraded.add(socket);
    join(incoming, socket).catch(() => socket.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  return { address: `127.0.0.1:${port}`, close };

  async function join(incoming: IncomingMessage, socket: Socket): Promise<void> {
    const to = await (upgrade ?? noWebSocket)(new Request(incoming.url ?? "", { headers: headersOf(incoming) }));
    if (typeof to === "number") return carry(socket, incoming.headers["sec-websocket-key"] ?? "", to, traffic);
    answer(socket, { status: to.status, headers: Object.fromEntries(to.headers), body: await to.text() });
  }

  function close(): Promise<void> {
    for (const socket of [...upgraded, ...traffic.services]) socket.destroy();
    server.closeAllConnections();
    return new Promise((resolve, reject) => server.close((error) => (error ? reject(error) : resolve())));
  }
}

async function relay(outbound: Outbound, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const { method = "GET", url = "" } = incoming;
  const headers = headersOf(incoming);
  const hasBody = method !== "GET" && method !== "HEAD";
  // workerd is told to speak to a proxy, so the request line carries the whole URL.
  const request = new Request(url, { method, headers, ...(hasBody ? { body: Buffer.concat(chunks) } : {}) });
  const response = await outbound(request);
  outgoing.writeHead(response.status, [...response.headers].flat());
  outgoing.flushHeaders();
  if (response.body === null) outgoing.end();
  // With back-pressure, and an end to the source when the Worker hangs up.
  else await pipeline(Readable.fromWeb(response.body), outgoing);
}

function headersOf({ headersDistinct }: IncomingMessage): Headers {
  const headers = new Headers();
  for (const [name, values] of Object.entries(headersDistinct)) {
    for (const value of values ?? []) headers.append(name, value);
  }
  return headers;
}

function noWebSocket(): Promise<Response> {
  return Promise.resolve(new Response("no WebSocket here", { status: 502 }));
}
