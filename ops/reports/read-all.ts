import type { FoundMail } from "./mailbox";
import { reportsIn } from "./mail";
import type { Unread } from "./render";
import { type Report, UnreadableReport } from "./report";

const MS_PER_DAY = 86_400_000;
/** A report covers a day and arrives within the next; some receivers are slow. */
const LATEST_AFTER_MS = 2 * MS_PER_DAY;

/** Every mail's reports. A mail that cannot be read is told and stops nothing; one without a report is passed over. */
export async function readAll(
  mails: AsyncIterable<FoundMail>,
): Promise<{ reports: readonly Report[]; unread: readonly Unread[] }> {
  const reports: Report[] = [];
  const unread: Unread[] = [];
  for await (const { raw, subject, receivedAt } of mails) {
    try {
      if (raw === undefined) throw new UnreadableReport("the mail is too large and was not fetched");
      const found = await reportsIn(raw);
      // Nobody reports the future; such a time would put the period out of shape.
      const latest = Date.parse(receivedAt) + LATEST_AFTER_MS;
      if (found.some(({ end, begin }) => end.getTime() > latest || begin > end))
        throw new UnreadableReport("its period ends after it came");
      reports.push(...found);
    } catch (error) {
      if (!(error instanceof UnreadableReport)) throw error;
      unread.push({ subject, receivedAt, reason: error.message });
    }
  }
  return { reports, unread };
}
