import { BUCKET_MS } from "./budgets";
import type { Clock } from "./clock";
import type { SpoolBucket, SpoolObject } from "./env";
import { isObject } from "./http";
import { listed, nameOf, RETRY_PREFIX, retryKey } from "./spool";

/** First and longest pause of a message that failed alone, in milliseconds. */
const FIRST_PAUSE_MS = 60_000;
const LONGEST_PAUSE_MS = 6 * 3_600_000;

/** When a message that failed `attempts` times may be tried again. */
export function pauseMs(attempts: number): number {
  return Math.min(FIRST_PAUSE_MS * 2 ** Math.min(Math.max(attempts - 1, 0), 30), LONGEST_PAUSE_MS);
}

/** How long messages that have failed must wait. */
export interface Pauses {
  /**
   * In milliseconds since the epoch; undefined when the message has not failed, or when there are more sidecars than a run
   * may list; it is then tried early. Ask in the order of the names: the sidecars are read in step, no further than needed.
   */
  readonly of: (name: string) => Promise<number | undefined>;
}

/** @param mayList whether another operation of that kind fits into the run */
export function createPauses(bucket: SpoolBucket, clock: Clock, mayList: () => boolean): Pauses {
  const found = new Map<string, number>();
  let sidecars: AsyncGenerator<SpoolObject, void> | undefined;
  let last = "";
  let isOver = false;
  return { of };

  async function of(name: string): Promise<number | undefined> {
    sidecars ??= listed(bucket, RETRY_PREFIX, clock, {
      include: ["customMetadata"],
      startAfter: `${RETRY_PREFIX}${name}`,
    });
    while (!isOver && last < name) {
      if (!mayList()) break;
      const next = await sidecars.next();
      if (next.done === true) isOver = true;
      else {
        const { key, customMetadata } = next.value;
        const until = Date.parse(customMetadata?.["next"] ?? "");
        last = nameOf(key).replace(/\.json$/, "");
        // No pause is longer: a later end was written while a clock was wrong.
        found.set(last, until <= clock.now() + LONGEST_PAUSE_MS ? until : 0);
      }
    }
    return found.get(name);
  }
}

/** Beside the message, whose body is never written again. */
export async function writePause(bucket: SpoolBucket, clock: Clock, name: string, reason: string): Promise<void> {
  const key = retryKey(name);
  const present = await clock.within(BUCKET_MS, "spool", bucket.get(key));
  const attempts = 1 + (present === null ? 0 : attemptsIn(await present.text()));
  const next = new Date(clock.now() + pauseMs(attempts)).toISOString();
  const put = bucket.put(key, JSON.stringify({ attempts, next, reason }), { customMetadata: { next } });
  await clock.within(BUCKET_MS, "spool", put);
}

function attemptsIn(text: string): number {
  try {
    const value: unknown = JSON.parse(text);
    const attempts = isObject(value) ? value["attempts"] : undefined;
    return typeof attempts === "number" && attempts > 0 ? attempts : 0;
  } catch {
    return 0;
  }
}
