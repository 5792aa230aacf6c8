import { oneLine } from "../../infra/settings/visible";
import { type Entry, shortOf } from "./entries";

const WIDTH = 80;
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** Enough for every header field of a usual message; the rest is in the export. */
const SHOWN_HEAD_BYTES = 16_384;

/** A table no wider than a terminal; whole keys are in `--json`. */
export function renderTable(entries: readonly Entry[], now: Date): string {
  if (entries.length === 0) return "The spool is empty.\n";
  const rows = entries.map((entry) => [
    shortOf(entry),
    entry.state,
    ageOf(entry, now),
    sizeOf(entry.size),
    String(entry.attempts),
    entry.to ?? "(not known)",
  ]);
  const table = [["KEY", "STATE", "AGE", "SIZE", "TRIES", "TO"], ...rows];
  const widths = table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? [];
  const lines = table.map((row) =>
    oneLine(row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  "))
      .slice(0, WIDTH)
      .trimEnd(),
  );
  return `${lines.join("\n")}\n\n${summary(entries, now)}\n`;
}

function summary(entries: readonly Entry[], now: Date): string {
  const waiting = entries.filter(({ state }) => state === "waiting");
  const bytes = waiting.reduce((sum, { size }) => sum + size, 0);
  const [oldest] = waiting.filter(({ receivedAt }) => receivedAt).map((entry) => ageOf(entry, now));
  const dead = entries.length - waiting.length;
  return (
    `${waiting.length} waiting (${sizeOf(bytes)}${oldest === undefined ? "" : `, the oldest for ${oldest}`}), ` +
    `${dead} dead: refused for good, kept for you.`
  );
}

export function renderJson(entries: readonly Entry[], now: Date): string {
  const rows = entries.map((entry) => ({
    ...entry,
    receivedAt: entry.receivedAt?.toISOString(),
    ageSeconds: entry.receivedAt && Math.max(0, Math.floor((now.getTime() - entry.receivedAt.getTime()) / 1_000)),
  }));
  return `${JSON.stringify(rows, undefined, 2)}\n`;
}

/** Everything that is known of a message, and its header fields. */
export function renderEntry(entry: Entry, raw: Buffer, now: Date): string {
  const facts: readonly (readonly [string, string | undefined])[] = [
    ["key", entry.key],
    ["state", entry.state],
    ["received", entry.receivedAt && `${entry.receivedAt.toISOString()} (${ageOf(entry, now)} ago)`],
    ["from", entry.from === "" ? "<> (a bounce)" : entry.from],
    ["to", entry.to],
    ["size", `${entry.size} bytes`],
    ["tries", String(entry.attempts)],
    ["next try", entry.state === "waiting" ? (entry.next ?? "at the next run of the clock") : undefined],
    ["reason", entry.reason],
  ];
  const lines = facts.flatMap(([name, value]) => (value === undefined ? [] : [`${name.padEnd(9)} ${oneLine(value)}`]));
  return `${lines.join("\n")}\n\n${headOf(raw)}\n`;
}

function headOf(raw: Buffer): string {
  const [head = ""] = raw
    .subarray(0, SHOWN_HEAD_BYTES)
    .toString("utf8")
    .split(/\r?\n\r?\n/, 1);
  return head
    .split(/\r?\n/)
    .map((line) => oneLine(line.replaceAll("\t", " ")))
    .join("\n");
}

function ageOf({ receivedAt }: Entry, now: Date): string {
  if (receivedAt === undefined) return "?";
  const seconds = Math.max(0, Math.floor((now.getTime() - receivedAt.getTime()) / 1_000));
  if (seconds < MINUTE) return `${seconds} s`;
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)} min`;
  if (seconds < 2 * DAY) return `${Math.floor(seconds / HOUR)} h`;
  return `${Math.floor(seconds / DAY)} d`;
}

function sizeOf(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${(bytes / 1_000).toFixed(0)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
