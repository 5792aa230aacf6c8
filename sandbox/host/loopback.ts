import { createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";

/** A TCP server on a free port of loopback. */
export interface Loopback {
  readonly port: number;
  /** Ends all connections. */
  readonly close: () => Promise<void>;
}

/** @param serve takes each connection; its errors are swallowed */
export async function listen(serve: (socket: Socket) => void): Promise<Loopback> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket)).on("error", () => undefined);
    serve(socket);
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
