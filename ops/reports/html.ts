import { html } from "../html";
import {
  dayOf,
  elsewhereText,
  headline,
  KIND_TITLES,
  partialLine,
  partialTitle,
  percent,
  unreadLine,
  unreadTitle,
} from "./render";
import type { Source, Summary } from "./summary";

const STYLE = `
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1d2430; background: #fff; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid #d8dde5; vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
.own { background: #eef7f0; } .foreign, .forged { background: #fdf3ee; }
details { color: #556; font-size: .85rem; overflow-wrap: anywhere; }
@media (prefers-color-scheme: dark) {
  body { color: #dfe4ec; background: #14181f; } th, td { border-color: #2c3440; }
  .own { background: #16281c; } .foreign, .forged { background: #2d1d16; } details { color: #9aa5b4; }
}`;

/** One page that needs nothing else: no script, no font, no picture from anywhere, and the policy to keep it so. */
export function renderHtml(summary: Summary): string {
  const title = `Mail reports about ${summary.domain}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${html(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${html(title)}</h1>
<p>${html(headline(summary))}</p>
${list(summary.advice)}
<h2>Who sends as you</h2>
<table>
<thead><tr><th>Sent by</th><th>As</th><th class="n">Mails</th><th class="n">Pass</th><th class="n">DKIM</th><th class="n">SPF</th><th class="n">Stopped</th><th>What to do</th></tr></thead>
<tbody>
${summary.sources.map(sourceRow).join("\n")}
</tbody>
</table>
<h2>Encryption on the way to you</h2>
<p>${summary.tls.successes + summary.tls.failures} sessions, ${percent(summary.tls.successes, summary.tls.successes + summary.tls.failures)} encrypted as asked.${elsewhereText(summary.tls.elsewhere)}</p>
${list(summary.tls.problems.map(({ type, count, mx, advice }) => `${type}, ${count} times (${mx.join(", ") || "no host named"}): ${advice}`))}
${summary.partial === 0 ? "" : `<h2>${partialTitle(summary)}</h2>\n${list(summary.partlyRead.map(partialLine))}`}
${summary.unreadable === 0 ? "" : `<h2>${unreadTitle(summary)}</h2>\n${list(summary.unread.map(unreadLine))}`}
<p>Reports by ${html(summary.reporters.join(", ") || "nobody")}${summary.end ? `, the last of ${dayOf(summary.end)}` : ""}.</p>
</body>
</html>
`;
}

function sourceRow(source: Source): string {
  const numbers = [
    String(source.messages),
    ...[source.passed, source.dkimPassed, source.spfPassed].map((part) => percent(part, source.messages)),
    String(source.stopped),
  ];
  const details =
    `<details><summary>${source.addresses.length} ${source.addresses.length === 1 ? "address" : "addresses"}</summary>${html(source.addresses.join(", "))}` +
    `<br>seen by ${html(source.reporters.join(", "))}</details>`;
  return (
    `<tr class="${source.kind}"><td>${KIND_TITLES[source.kind]}</td><td>${html(source.name)}${details}</td>` +
    `${numbers.map((number) => `<td class="n">${number}</td>`).join("")}<td>${html(source.advice)}</td></tr>`
  );
}

function list(items: readonly string[]): string {
  return items.length === 0 ? "" : `<ul>${items.map((item) => `<li>${html(item)}</li>`).join("")}</ul>`;
}
