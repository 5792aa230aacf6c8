import { connect, createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export interface Distance {
  readonly port: number;
  readonly close: () => Promise<void>;
}

/**
 * Puts a server of loopback so many milliseconds away: bytes take half of the round trip in each direction, and a
 * connection costs a whole one before anything is forwarded. The width of the line is not limited.
 */
export async function distanceTo(port: number, roundTripMs: number): Promise<Distance> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (near) => {
    void sleep(roundTripMs).then(() => {
      const far = connect({ host: "127.0.0.1", port, noDelay: true });
      late(near, far, roundTripMs / 2);
      late(far, near, roundTripMs / 2);
      sockets.add(far);
    });
    sockets.add(near);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

/** Timers of the same length fire in order, so that bytes stay in order. */
function late(from: Socket, to: Socket, ms: number): void {
  from.on("data", (chunk) => void setTimeout(() => to.write(chunk), ms));
  from.on("end", () => void setTimeout(() => to.end(), ms));
  from.on("error", () => to.destroy());
}
