import type { BacklogTotal } from "./backlog";
import { BUCKET_MS } from "./budgets";
import type { Clock } from "./clock";
import type { SpoolBucket } from "./env";
import { call } from "./http";
import type { Fetch } from "./http";

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
export function alertText({ waiting, bytes, oldestSeconds }: BacklogTotal): string {
  const minutes = Math.floor(oldestSeconds / 60);
  const kilobytes = Math.ceil(bytes / 1_000);
  return (
    `Mail is waiting at the edge: ${waiting} message${waiting === 1 ? "" : "s"}, ${kilobytes} kB, ` +
    `the oldest for ${minutes} minutes. Nothing is lost; it is delivered when home answers again.`
  );
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
    if (last !== null && clock.now() - Number(await last.text()) < ALERT_EVERY_MS) return "sent already";
    // Before the request: of two runs at once one tells.
    const mark = bucket.put(ALERT_KEY, String(clock.now()), { onlyIf });
    if ((await clock.within(BUCKET_MS, "alert", mark)) === null) return "sent already";
    const { status } = await call(
      "alert",
      fetch,
      settings.url,
      { method: "POST", headers: { "content-type": "text/plain; charset=utf-8" }, body: alertText(backlog) },
      { signal: AbortSignal.timeout(ALERT_CALL_MS), callMs: ALERT_CALL_MS, answerBytes: ALERT_ANSWER_BYTES },
    );
    return status < FIRST_ERROR_STATUS ? "sent" : "failed";
  } catch {
    return "failed";
  }
}
