import { HOME_MS } from "../budgets";

/** Limits of one conversation, in milliseconds. */
export interface LmtpBudgets {
  /** Until the connection is there. */
  readonly connectMs: number;
  /** Until the greeting is complete. */
  readonly greetingMs: number;
  /** For each reply to a command. Stalwart lets an unknown recipient wait for 5 s before it says so. */
  readonly commandMs: number;
  /** Until the connection has taken one piece of the message, and until the server has answered one chunk of it. */
  readonly chunkMs: number;
  /** For the reply to the end of the message: the server filters and stores it meanwhile. */
  readonly messageMs: number;
  /** For everything that is done for one message, the connection included. */
  readonly totalMs: number;
  /** For handing over QUIT. Its reply is not waited for. */
  readonly quitMs: number;
}

/** At the edge, where the sender waits. */
export const LMTP_BUDGETS: LmtpBudgets = {
  connectMs: 5_000,
  greetingMs: 5_000,
  commandMs: 7_000,
  chunkMs: 5_000,
  messageMs: 10_000,
  totalMs: HOME_MS,
  quitMs: 200,
};

/** Nobody waits for the drain. All of it stays below the life of a claim. */
export const LMTP_DRAIN_BUDGETS: LmtpBudgets = {
  connectMs: 8_000,
  greetingMs: 8_000,
  commandMs: 10_000,
  chunkMs: 30_000,
  messageMs: 60_000,
  totalMs: 130_000,
  quitMs: 1_000,
};
