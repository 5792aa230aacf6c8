import { randomInt } from "node:crypto";

/** Below those that systems give to outgoing connections. */
const PORTS = { first: 20_000, count: 12_000 };
const TRIES = 20;

/** Finds a port at which all of something can listen; what was opened for a port that was taken is undone. */
export async function listenOn(open: (port: number) => Promise<void>, undo: () => void): Promise<number> {
  for (let tries = 1; ; tries += 1) {
    const port = PORTS.first + randomInt(PORTS.count);
    try {
      await open(port);
      return port;
    } catch (error) {
      undo();
      if (tries === TRIES) throw error;
    }
  }
}
