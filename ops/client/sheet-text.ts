import type { WayIn } from "./ways-in";

/** The client sheet for a terminal, lines of up to 80 characters; longer names lengthen them. */
export function sheetText(address: string, ways: readonly WayIn[], own: readonly string[]): string {
  return [
    `Mail settings for ${address}`,
    "",
    ...ways.flatMap(({ title, needs, entries }) => [
      title,
      `  ${needs}`,
      ...table(entries.map(({ service, host, port, security }) => [service, host, String(port), security])),
      "",
    ]),
    "Setting itself up",
    ...own.flatMap((line) => wrapped(line)),
    "",
    `User name everywhere: ${address}`,
    "The password is the mail account's. It is on no sheet.",
    "",
  ].join("\n");
}

/** Columns as wide as their widest cell, indented by two; empty ones are left out. */
export function table(cells: readonly (readonly string[])[]): readonly string[] {
  const rows = cells.map((row) => row.filter((_, column) => cells.some((other) => other[column] !== "")));
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  return rows.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}`.trimEnd());
}

/** A URL stays whole on a line of its own. */
function wrapped(line: string): readonly string[] {
  const [before = "", url] = line.split(/ (?=https:)/);
  return url === undefined ? [`  ${line}`] : [`  ${before}`, `    ${url}`];
}
