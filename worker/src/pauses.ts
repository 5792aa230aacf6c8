import { BUCKET_MS } from "./budgets";
import type { Clock } from "./clock";
import type { SpoolBucket } from "./env";
import { isObject } from "./http";
import { listed, nameOf, RETRY_PREFIX, retryKey } from "./spool";

/** First and longest pause of a message that failed alone, in milliseconds. */
const FIRST_PAUSE_MS = 60_000;
const LONGEST_PAUSE_MS = 6 * 3_600_000;

/** When a message that failed `attempts` times may be tried again. */
export function pauseMs(attempts: number): number {
  return Math.min(FIRST_PAUSE_MS * 2 ** Math.min(Math.max(attempts - 1, 0), 30), LONGEST_PAUSE_MS);
}

/** Name of each message that has failed -> until when it must wait, in milliseconds since the epoch. */
export async function readPauses(bucket: SpoolBucket, clock: Clock): Promise<ReadonlyMap<string, number>> {
  const pauses = new Map<string, number>();
  for await (const { key, customMetadata } of listed(bucket, RETRY_PREFIX, clock, ["customMetadata"])) {
    const next = Date.parse(customMetadata?.["next"] ?? "");
    pauses.set(nameOf(key).replace(/\.json$/, ""), Number.isNaN(next) ? 0 : next);
  }
  return pauses;
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
