import { setTimeout as sleep } from "node:timers/promises";
import { Trouble } from "./trouble";

/** How long trouble that passes is waited for, in milliseconds. */
export interface Patience {
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
  /** From the first attempt on; afterwards the trouble is thrown. */
  readonly totalMs: number;
}

/** A restart of Stalwart takes 3 s, its limits count by the minute. */
export const PATIENCE: Patience = { firstPauseMs: 200, longestPauseMs: 20_000, totalMs: 180_000 };

/**
 * Repeats what failed for a passing reason, with pauses that double and vary, or those that the server asks for. With
 * `isRepeatable` false only while the server has certainly done nothing. Throws the last `Trouble`.
 */
export async function patiently<T>(attempt: () => Promise<T>, patience: Patience, isRepeatable = true): Promise<T> {
  const end = Date.now() + patience.totalMs;
  for (let pause = patience.firstPauseMs; ; pause = Math.min(pause * 2, patience.longestPauseMs)) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof Trouble) || error.kind !== "passing") throw error;
      const { mayHaveHappened = true, retryAfterMs } = error.details;
      if (mayHaveHappened && !isRepeatable) throw error;
      const wait = retryAfterMs ?? pause * (0.5 + Math.random() / 2);
      if (Date.now() + wait > end) throw error;
      await sleep(wait);
    }
  }
}
