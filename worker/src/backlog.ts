import type { SpoolObject } from "./env";
import { nameOf, timeOf } from "./spool";

/** What waits in the spool, as far as it was listed. */
export interface Backlog {
  /** @param isDue it may leave in this run */
  readonly add: (object: SpoolObject, isDue: boolean) => void;
  /** It is in the spool no more. */
  readonly leave: (object: SpoolObject) => void;
  /** Whether there are others that were not added. */
  readonly isExcerpt: (value: boolean) => void;
  readonly total: (now: number) => BacklogTotal;
}

export interface BacklogTotal {
  readonly waiting: number;
  readonly bytes: number;
  /** Age of the oldest message; 0 when there is none. */
  readonly oldestSeconds: number;
  /** There are more: the counts are of the part that was looked at. */
  readonly isExcerpt: boolean;
}

/** Keeps of a message that stays its numbers only: there may be very many. */
export function createBacklog(): Backlog {
  /** Key -> when the edge took it. */
  const due = new Map<string, number>();
  let waiting = 0;
  let bytes = 0;
  let oldest = Infinity;
  let isExcerpt = false;
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
    isExcerpt: (value) => void (isExcerpt = value),
    total: (now) => {
      const first = Math.min(oldest, ...due.values());
      const oldestSeconds = first === Infinity ? 0 : Math.max(0, Math.floor((now - first) / 1_000));
      return { waiting, bytes, oldestSeconds, isExcerpt };
    },
  };
}
