import { connect } from "node:net";
import type { Socket } from "node:net";

import { listen, type Loopback } from "../sandbox/host/loopback";

export interface DelayOptions {
  readonly target: () => number;
  /** Of each answer; asked when it comes. */
  readonly delayMs: () => number;
  /** Told the bytes of both directions. */
  readonly counted: (bytes: number) => void;
}

/**
 * A TCP line to a server that speaks first, on which every flight takes so long: what the server says reaches the client
 * late, save the greeting, which travels together with the answer to the upgrade.
 */
export function startDelay({ target, delayMs, counted }: DelayOptions): Promise<Loopback> {
  return listen((client: Socket) => {
    const server = connect(target(), "127.0.0.1");
    server.setNoDelay(true);
    client.setNoDelay(true);
    let hasGreeted = false;
    client.on("data", (chunk: Buffer) => {
      counted(chunk.length);
      server.write(chunk);
    });
    server.on("data", (chunk: Buffer) => {
      counted(chunk.length);
      const wait = hasGreeted ? delayMs() : 0;
      hasGreeted = true;
      if (wait === 0) client.write(chunk);
      else setTimeout(() => client.write(chunk), wait);
    });
    server.on("error", () => client.destroy()).on("close", () => client.destroySoon());
    client.on("close", () => server.destroy());
  });
}
