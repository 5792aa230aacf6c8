import { connect } from "node:net";
import type { Socket } from "node:net";
import { systemClock } from "../../worker/src/clock";
import type { Clock } from "../../worker/src/clock";
import { LMTP_BUDGETS } from "../../worker/src/lmtp/budgets";
import type { LmtpBudgets } from "../../worker/src/lmtp/budgets";
import { openLmtp } from "../../worker/src/lmtp/client";
import type { LmtpOrder, LmtpOutcome } from "../../worker/src/lmtp/client";
import type { ByteStream } from "../../worker/src/lmtp/stream";
import { asTransient } from "../../worker/src/transient";

/** A plain TCP connection as the LMTP client wants it. */
export async function connectSocket(port: number, host = "127.0.0.1"): Promise<ByteStream> {
  const socket = connect(port, host);
  socket.setNoDelay(true);
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  return streamOfSocket(socket);
}

function streamOfSocket(socket: Socket): ByteStream {
  const chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  socket.on("error", () => undefined);
  return {
    read: async () => {
      const next = (await chunks.next()) as IteratorResult<Buffer, undefined>;
      return next.value;
    },
    write: (bytes) =>
      new Promise((resolve, reject) => {
        socket.write(bytes, (error) => (error ? reject(error) : resolve()));
      }),
    close: () => {
      socket.destroySoon();
    },
  };
}

export const SENDER = "sender@remote.example";
export const RECIPIENT = "root@example.org";

export interface Sending extends Partial<LmtpOrder> {
  readonly message: Uint8Array;
  readonly budgets?: Partial<LmtpBudgets>;
  readonly clock?: Clock;
  /** False unless it is said. */
  readonly pipelinesBdat?: boolean;
}

/** One message over a plain socket, from the connection to QUIT. */
export async function sendOverSocket(port: number, sending: Sending): Promise<LmtpOutcome> {
  const { from = SENDER, to = RECIPIENT, message, clock = systemClock, pipelinesBdat = false } = sending;
  const budgets = { ...LMTP_BUDGETS, ...sending.budgets };
  const until = clock.now() + budgets.totalMs;
  try {
    const stream = await connectSocket(port);
    const session = await openLmtp(stream, { name: "worker.example.org", budgets, clock, pipelinesBdat, until });
    const outcome = await session.deliver({ from, to, message });
    await session.close();
    return outcome;
  } catch (error) {
    return { kind: "failed", error: asTransient(error) };
  }
}
