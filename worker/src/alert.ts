import type { BacklogTotal } from "./backlog";
import { BUCKET_MS } from "./budgets";
import type { Clock } from "./clock";
import type { SpoolBucket } from "./env";
import { call } from "./http";
import type { Fetch } from "./http";
import { DEAD_DAYS, DEAD_PREFIX } from "./spool";

/** Whom to tell, and from which age of the oldest message on. */
export interface AlertSettings {
  readonly url: URL;
  readonly afterSeconds: number;
}

export type AlertResult = "not needed" | "sent already" | "sent" | "failed";

/** At most one alert in that time, however many runs there are. */
const ALERT_EVERY_MS = 3_600_000;
const ALERT_KEY = "alert/last";
const ALERT_CALL_MS = 5_000;
const ALERT_ANSWER_BYTES = 64 * 1024;
const FIRST_ERROR_STATUS = 400;

/** The text of the alert: a plain body is what ntfy and Healthchecks both show. */
export function alertText({ waiting, bytes, oldestSeconds, isExcerpt }: BacklogTotal, dead = NONE_DEAD): string {
  const minutes = Math.floor(oldestSeconds / 60);
  const kilobytes = Math.ceil(bytes / 1_000);
  return (
    `Mail is waiting at the edge: ${isExcerpt ? "at least " : ""}${messages(waiting)}, ${kilobytes} kB, ` +
    `the oldest for ${minutes} minutes. Nothing is lost; it is delivered when home answers again.${deadText(dead)}`
  );
}

/** The messages under `dead/`, as far as they were counted. */
export interface Dead {
  readonly count: number;
  readonly isExcerpt: boolean;
}

const NONE_DEAD: Dead = { count: 0, isExcerpt: false };

function deadText({ count, isExcerpt }: Dead): string {
  if (count === 0) return "";
  return (
    ` Besides, ${isExcerpt ? "at least " : ""}${messages(count)} cannot be delivered and ${count === 1 ? "is" : "are"} ` +
    `kept for ${DEAD_DAYS} days: npm run spool -- STACK list`
  );
}

function messages(count: number): string {
  return `${count} message${count === 1 ? "" : "s"}`;
}

/** Never fails: an alert that does not get through changes nothing for the mail. */
export async function alert(
  settings: AlertSettings | undefined,
  backlog: BacklogTotal,
  bucket: SpoolBucket,
  fetch: Fetch,
  clock: Clock,
): Promise<AlertResult> {
  if (settings === undefined || backlog.waiting === 0 || backlog.oldestSeconds < settings.afterSeconds)
    return "not needed";
  try {
    const last = await clock.within(BUCKET_MS, "alert", bucket.get(ALERT_KEY));
    const onlyIf = last === null ? { etagDoesNotMatch: "*" } : { etagMatches: last.etag };
    if (last !== null && Math.abs(clock.now() - Number(await last.text())) < ALERT_EVERY_MS) return "sent already";
    // Before the request: of two runs at once one tells.
    const mark = bucket.put(ALERT_KEY, String(clock.now()), { onlyIf });
    if ((await clock.within(BUCKET_MS, "alert", mark)) === null) return "sent already";
    const body = alertText(backlog, await countDead(bucket, clock));
    const { status } = await call(
      "alert",
      fetch,
      settings.url,
      { method: "POST", headers: { "content-type": "text/plain; charset=utf-8" }, body },
      { signal: AbortSignal.timeout(ALERT_CALL_MS), callMs: ALERT_CALL_MS, answerBytes: ALERT_ANSWER_BYTES },
    );
    return status < FIRST_ERROR_STATUS ? "sent" : "failed";
  } catch {
    return "failed";
  }
}

/** Counts one page of them. If that fails, the alert leaves them out. */
async function countDead(bucket: SpoolBucket, clock: Clock): Promise<Dead> {
  return await clock.within(BUCKET_MS, "alert", bucket.list({ prefix: DEAD_PREFIX })).then(
    ({ objects, truncated }) => ({ count: objects.length, isExcerpt: truncated }),
    () => NONE_DEAD,
  );
}
