import type { Source, SourceKind, Summary } from "./summary";

const WIDTH = 80;
const NAME_WIDTH = 28;
const INDENT = "  ";

/** For people: what each kind of source is to the domain's owner. */
export const KIND_TITLES: Readonly<Record<SourceKind, string>> = {
  own: "you",
  aligned: "your keys",
  forwarded: "forwarded",
  foreign: "others",
  forged: "nobody",
};

/** What could not be read, and why. */
export interface Unread {
  readonly subject: string;
  readonly receivedAt: string;
  readonly reason: string;
}

/** Tables no wider than a terminal; addresses and reporters are in `--json` and `--html`. */
export function renderText(summary: Summary, unread: readonly Unread[]): string {
  const sections = [
    headline(summary),
    ...(summary.sources.length === 0 ? [] : [sourceTable(summary.sources), adviceOf(summary.sources)]),
    tlsText(summary),
    ...(summary.advice.length === 0 ? [] : [summary.advice.map((line) => wrapped(line, "")).join("\n")]),
    ...(unread.length === 0 ? [] : [unreadText(unread)]),
  ];
  return `${sections.join("\n\n")}\n`;
}

export function headline({ domain, begin, end, ...summary }: Summary): string {
  const period = begin && end ? `, ${dayOf(begin)} to ${dayOf(end)}` : "";
  const elsewhere = summary.elsewhere > 0 ? ` ${summary.elsewhere} about other domains left out.` : "";
  const reports = `${summary.dmarcReports} DMARC and ${summary.tlsReports} TLS reports by ${summary.reporters.length} receivers`;
  return wrapped(
    `${domain}: ${reports}${period}.${elsewhere} ${summary.messages} messages, ` +
      `${percent(summary.passed, summary.messages)} pass DMARC.`,
    "",
  );
}

function sourceTable(sources: readonly Source[]): string {
  const rows = sources.map((source) => [
    KIND_TITLES[source.kind],
    printable(source.name).slice(0, NAME_WIDTH),
    String(source.messages),
    percent(source.passed, source.messages),
    percent(source.dkimPassed, source.messages),
    percent(source.spfPassed, source.messages),
    String(source.stopped),
  ]);
  const table = [["SENT BY", "AS", "MAILS", "PASS", "DKIM", "SPF", "STOPPED"], ...rows];
  const widths = table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? [];
  return table
    .map((row) =>
      row
        .map((cell, column) => (column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join("  ")
        .slice(0, WIDTH)
        .trimEnd(),
    )
    .join("\n");
}

/** The same advice to several sources is said once. */
function adviceOf(sources: readonly Source[]): string {
  const names = new Map<string, string[]>();
  for (const { name, advice } of sources) names.set(advice, [...(names.get(advice) ?? []), name]);
  return [...names]
    .map(([advice, who]) => {
      const shown = who.slice(0, 3).map(printable).join(", ");
      return wrapped(`${shown}${who.length > 3 ? ` and ${who.length - 3} more` : ""}: ${advice}`, INDENT);
    })
    .join("\n");
}

function tlsText({ tls }: Summary): string {
  const total = tls.successes + tls.failures;
  const rate = `TLS: ${total} sessions, ${percent(tls.successes, total)} encrypted as asked.`;
  const problems = tls.problems.map(({ type, count, advice }) =>
    wrapped(`${printable(type)}, ${count} times: ${advice}`, INDENT),
  );
  return [rate, ...problems].join("\n");
}

function unreadText(unread: readonly Unread[]): string {
  const lines = unread.map(({ receivedAt, subject, reason }) =>
    wrapped(`${printable(receivedAt)} ${printable(subject).slice(0, WIDTH)}: ${reason}.`, INDENT),
  );
  return [`Not readable: ${unread.length}. The mails are as they were.`, ...lines].join("\n");
}

export function percent(part: number, whole: number): string {
  if (whole === 0) return "-";
  // 100 % is said only when nothing is missing.
  return `${part === whole ? 100 : Math.min(99.9, Math.floor((part * 1_000) / whole) / 10)}%`;
}

export function dayOf(date: Date): string {
  return date.toISOString().slice(0, 10);
}

/** What strangers wrote must not steer the terminal. */
export function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "?");
}

function wrapped(text: string, indent: string): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const prefix = lines.length === 0 ? "" : indent;
    if (line !== "" && prefix.length + line.length + 1 + word.length > WIDTH) {
      lines.push(prefix + line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  lines.push((lines.length === 0 ? "" : indent) + line);
  return lines.join("\n");
}
