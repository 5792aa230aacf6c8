import { html } from "../html";
import type { Entry, WayIn } from "./ways-in";

const STYLE = `
:root { color-scheme: light dark; --ink: #1c2321; --paper: #fdfdfb; --line: #cfd5d2; --soft: #5b6662; --accent: #1f6f5c; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e7ece9; --paper: #151a18; --line: #37403c; --soft: #9aa6a1; --accent: #6fc7ae; }
}
@page { size: A4; margin: 14mm; }
@media print {
  :root { color-scheme: light; --ink: #000; --paper: #fff; --line: #bbb; --soft: #444; --accent: #000; }
  body { padding: 0 !important; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 50rem; padding: 2rem 1.25rem; background: var(--paper); color: var(--ink);
  font: 15px/1.45 system-ui, "Segoe UI", "Liberation Sans", sans-serif; }
h1 { margin: 0 0 .25rem; font-size: 1.6rem; overflow-wrap: anywhere; }
h2 { margin: 1.5rem 0 .1rem; font-size: 1.05rem; color: var(--accent); }
p { margin: 0 0 .5rem; color: var(--soft); }
.scroll { overflow-x: auto; }
table { width: 100%; min-width: 36rem; table-layout: fixed; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th { text-align: left; font-size: .8rem; font-weight: 600; color: var(--soft); }
th, td { padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td:nth-child(2) { font-family: ui-monospace, "Liberation Mono", monospace; font-size: .9em; overflow-wrap: anywhere; }
th:nth-child(1), th:nth-child(2), th:nth-child(5) { width: 25%; }
td { overflow-wrap: anywhere; }
li { overflow-wrap: anywhere; }
h2, table { break-inside: avoid; }
`;

/** The client sheet as one page that needs nothing else: light and dark, and one sheet of paper. */
export function sheetHtml(address: string, ways: readonly WayIn[], own: readonly string[]): string {
  return [
    "<!doctype html>",
    '<html lang="en">',
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>Mail settings for ${html(address)}</title>`,
    `<style>${STYLE}</style>`,
    `<h1>${html(address)}</h1>`,
    "<p>Mail settings. The user name is the whole address everywhere; the password is on no sheet.</p>",
    ...ways.flatMap(({ title, needs, entries }) => [
      `<h2>${html(title)}</h2>`,
      `<p>${html(needs)}</p>`,
      '<div class="scroll"><table>',
      "<tr><th>Service</th><th>Host</th><th>Port</th><th>Security</th><th>User name</th></tr>",
      ...entries.map(row),
      "</table></div>",
    ]),
    "<h2>Setting itself up</h2>",
    "<ul>",
    ...own.map((line) => `<li>${html(line)}</li>`),
    "</ul>",
    "</html>",
    "",
  ].join("\n");
}

function row({ service, host, port, security, user }: Entry): string {
  const cells = [service, host, String(port), security, user];
  return `<tr>${cells.map((cell) => `<td>${html(cell)}</td>`).join("")}</tr>`;
}
