import type { SpoolObject } from "./env";
import { nameOf, timeOf } from "./spool";

/** What waits in the spool, as far as it was listed. */
export interface Backlog {
  /** @param isDue it may leave in this run */
  readonly add: (object: SpoolObject, isDue: boolean) => void;
  /** It is in the spool no more. */
  readonly leave: (object: SpoolObject) => void;
  /** How many of those that were added as due still wait. */
  readonly mayLeave: () => number;
  readonly total: (now: number) => BacklogTotal;
}

export interface BacklogTotal {
  readonly waiting: number;
  readonly bytes: number;
  /** Age of the oldest message; 0 when there is none. */
  readonly oldestSeconds: number;
}

/** Keeps of a message that stays its numbers only: there may be very many. */
export function createBacklog(): Backlog {
  /** Key -> when the edge took it. */
  const due = new Map<string, number>();
  let waiting = 0;
  let bytes = 0;
  let oldest = Infinity;
  return {
    add: (object, isDue) => {
      waiting++;
      bytes += object.size;
      const time = timeOf(nameOf(object.key));
      const at = Number.isNaN(time) ? Infinity : time;
      if (isDue) due.set(object.key, at);
      else oldest = Math.min(oldest, at);
    },
    leave: ({ key, size }) => {
      waiting--;
      bytes -= size;
      due.delete(key);
    },
    mayLeave: () => due.size,
    total: (now) => {
      const first = Math.min(oldest, ...due.values());
      return { waiting, bytes, oldestSeconds: first === Infinity ? 0 : Math.max(0, Math.floor((now - first) / 1_000)) };
    },
  };
}
