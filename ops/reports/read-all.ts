import type { Found, FoundMail } from "./mailbox";
import { reportsIn } from "./mail";
import { originOf, reporterName } from "./origin";
import { type Report, UnreadableReport } from "./report";
import { MAX_LISTED, type Partial, type Sender, type Summary, type Unread } from "./summary";
import { Tally } from "./tally";

const MS_PER_DAY = 86_400_000;
/** A report covers a day and arrives within the next; some receivers are slow, and clocks differ. */
const LATEST_AFTER_MS = 2 * MS_PER_DAY;

/**
 * Sums up every mail's reports, one mail at a time. What cannot be read is listed and stops nothing; a mail without a report is
 * counted and skipped.
 */
export async function readAll(mails: AsyncIterable<Found>, sender: Sender): Promise<Summary> {
  const tally = new Tally(sender);
  const [unread, partlyRead]: [Unread[], Partial[]] = [[], []];
  const counts = { otherMails: 0, unreadable: 0, partial: 0 };
  let limit: string | undefined;
  const refuse = ({ subject, receivedAt }: Pick<Unread, "subject" | "receivedAt">, reason: string) => {
    counts.unreadable += 1;
    if (unread.length < MAX_LISTED) unread.push({ subject, receivedAt, reason });
  };
  for await (const found of mails) {
    if (found.kind === "limit") limit = found.reason;
    else if (found.kind === "unread") refuse(found, found.reason);
    else {
      const { reports, faults } = await read(found);
      for (const fault of faults) refuse(found, fault);
      if (reports.length + faults.length === 0) counts.otherMails += 1;
      const envelope = { origin: reports.length > 0 ? originOf(found.raw) : undefined, about: aboutOf(found.subject) };
      for (const report of reports.map((each) => withinTime(each, found))) {
        if (!tally.add(report, envelope) || report.gaps.length === 0) continue;
        counts.partial += 1;
        const { id, gaps } = report;
        if (partlyRead.length < MAX_LISTED)
          partlyRead.push({ reporter: reporterName(report, envelope.origin), id, gaps });
      }
    }
  }
  return tally.summary({ ...counts, unread, partlyRead, limit });
}

async function read({ raw }: FoundMail): ReturnType<typeof reportsIn> {
  try {
    return await reportsIn(raw);
  } catch (error) {
    if (!(error instanceof UnreadableReport)) throw error;
    return { reports: [], faults: [error.message] };
  }
}

/** A period in the future is impossible and would distort the whole summary's period. The rest of the report counts. */
function withinTime(report: Report, { receivedAt }: FoundMail): Report {
  const { begin, end } = report;
  const latest = Date.parse(receivedAt) + LATEST_AFTER_MS;
  const isPossible = begin === undefined || end === undefined || (begin <= end && !(end.getTime() > latest));
  if (isPossible) return report;
  return { ...report, begin: undefined, end: undefined, gaps: [...report.gaps, "its period is impossible"] };
}

function aboutOf(subject: string): string | undefined {
  return /report[ -]domain:\s*([a-z0-9.-]{1,253})/i.exec(subject)?.[1]?.toLowerCase().replace(/\.$/, "");
}
