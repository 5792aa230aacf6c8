import { oneLine } from "../../infra/settings/visible";
import type { Partial, Source, SourceKind, Summary, Unread } from "./summary";

const WIDTH = 80;
const NAME_WIDTH = 28;
const INDENT = "  ";
/** Lines of what could not be read. */
const MAX_SHOWN = 30;

/** For people: what each kind of source is to the domain's owner. */
export const KIND_TITLES: Readonly<Record<SourceKind, string>> = {
  own: "you",
  aligned: "your keys",
  forwarded: "forwarded",
  foreign: "others",
  forged: "nobody",
};

/** Tables no wider than a terminal; addresses and reporters are in `--json` and `--html`. */
export function renderText(summary: Summary): string {
  const sections = [
    headline(summary),
    ...(summary.sources.length === 0 ? [] : [sourceTable(summary.sources), adviceOf(summary.sources)]),
    tlsText(summary),
    ...(summary.advice.length === 0 ? [] : [summary.advice.map((line) => wrapped(oneLine(line), "")).join("\n")]),
    ...(summary.partial === 0 ? [] : [listText(partialTitle(summary), summary.partlyRead.map(partialLine))]),
    ...(summary.unreadable === 0 ? [] : [listText(unreadTitle(summary), summary.unread.map(unreadLine))]),
  ];
  return `${sections.join("\n\n")}\n`;
}

export function headline({ domain, begin, end, ...summary }: Summary): string {
  const period = begin && end ? `, ${dayOf(begin)} to ${dayOf(end)}` : "";
  const reports = `${summary.dmarcReports} DMARC and ${summary.tlsReports} TLS reports by ${summary.reporters.length} receivers`;
  const sentences = [
    `${domain}: ${reports}${period}.`,
    summary.limit === undefined ? "" : `Not the whole period: ${summary.limit}.`,
    summary.elsewhere > 0 ? `${summary.elsewhere} about other domains left out.` : "",
    summary.repeated > 0 ? `Repetitions left out: ${summary.repeated}.` : "",
    summary.sameId > 0 ? `Counted although another report has the same id: ${summary.sameId}.` : "",
    summary.otherMails > 0 ? `Mails to these addresses without a report: ${summary.otherMails}.` : "",
    `${summary.messages} messages, ${percent(summary.passed, summary.messages)} pass DMARC.`,
  ];
  return wrapped(sentences.filter((sentence) => sentence !== "").join(" "), "");
}

function sourceTable(sources: readonly Source[]): string {
  const rows = sources.map((source) => [
    KIND_TITLES[source.kind],
    oneLine(source.name, NAME_WIDTH),
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
      const shown = who
        .slice(0, 3)
        .map((name) => oneLine(name, WIDTH))
        .join(", ");
      return wrapped(`${shown}${who.length > 3 ? ` and ${who.length - 3} more` : ""}: ${advice}`, INDENT);
    })
    .join("\n");
}

function tlsText({ tls }: Summary): string {
  const total = tls.successes + tls.failures;
  const rate = wrapped(
    `TLS: ${total} sessions, ${percent(tls.successes, total)} encrypted as asked.${elsewhereText(tls.elsewhere)}`,
    INDENT,
  );
  const problems = tls.problems.map(({ type, count, advice }) =>
    wrapped(`${oneLine(type, WIDTH)}, ${count} times: ${advice}`, INDENT),
  );
  return [rate, ...problems].join("\n");
}

export function elsewhereText(policies: number): string {
  return policies === 0 ? "" : ` ${policies} policies about other names left out.`;
}

export function unreadTitle({ unreadable }: Summary): string {
  return `Not readable: ${unreadable}. The mails are as they were.`;
}

export function unreadLine({ receivedAt, subject, reason }: Unread): string {
  return `${oneLine(receivedAt, WIDTH)} ${oneLine(subject, WIDTH)}: ${reason}.`;
}

export function partialTitle({ partial }: Summary): string {
  return `Partly read: ${partial}. The rest of each counts.`;
}

export function partialLine({ reporter, id, gaps }: Partial): string {
  return `${oneLine(reporter, WIDTH)}, report ${oneLine(id, WIDTH) || "without an id"}: ${gaps.join("; ")}.`;
}

function listText(title: string, items: readonly string[]): string {
  const more = items.length > MAX_SHOWN ? [`${INDENT}and ${items.length - MAX_SHOWN} more: --json`] : [];
  return [title, ...items.slice(0, MAX_SHOWN).map((item) => wrapped(item, INDENT)), ...more].join("\n");
}

export function percent(part: number, whole: number): string {
  if (whole === 0) return "-";
  // 100 % is said only when nothing is missing.
  return `${part === whole ? 100 : Math.min(99.9, Math.floor((part * 1_000) / whole) / 10)}%`;
}

export function dayOf(date: Date): string {
  return date.toISOString().slice(0, 10);
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
