import { html } from "../html";
import { AREAS } from "./check";
import { byArea, type Examined, faultsOf, hostHint, summaryOf } from "./report";
import type { Result } from "./runner";

/** Also for a page that is printed or looked at in the dark. */
const STYLE = `
:root { color-scheme: light dark; --line: #8884; --ok: light-dark(#15803d, #4ade80); --skipped: light-dark(#6b7280, #9ca3af);
  --warning: light-dark(#a16207, #facc15); --error: light-dark(#b91c1c, #f87171); }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .25rem; }
.when { color: var(--skipped); margin: 0 0 1rem; } .sum { font-size: 1.1rem; font-weight: 600; }
details { border-top: 1px solid var(--line); padding: .35rem 0; }
summary { cursor: pointer; display: grid; grid-template-columns: 1rem 4.5rem minmax(0, 23rem) minmax(0, 1fr); gap: .75rem; }
summary::before { content: "+"; color: var(--skipped); } details[open] > summary::before { content: "\\2212"; }
details[open] > summary span:last-child { visibility: hidden; }
summary span:last-child { color: var(--skipped); overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.status { font-weight: 600; } .ok .status { color: var(--ok); } .warning .status { color: var(--warning); }
.error .status { color: var(--error); } .skipped .status { color: var(--skipped); }
dl { display: grid; grid-template-columns: 4.5rem 1fr; padding-left: 1.75rem; gap: .25rem .75rem; margin: .5rem 0 .75rem; }
dt { color: var(--skipped); } dd { margin: 0; overflow-wrap: anywhere; }
dd.mend { font-family: ui-monospace, monospace; font-size: .9em; }
@media (max-width: 40rem) { summary { grid-template-columns: 1rem 4.5rem 1fr; } summary span:last-child { display: none; } }
`;

/** The report as one page that loads nothing; what is not fine comes first, and is open there. */
export function renderHtml({ stack, domain, hostStack, at, ms, results }: Examined): string {
  const faults = faultsOf(results);
  const sections = [
    ...(faults.length === 0 ? [] : [section("To mend", faults, true)]),
    ...byArea(results).map(([area, ofArea]) => section(AREAS[area], ofArea, false)),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="content-security-policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${html(domain)}: ${html(summaryOf(results))}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${html(domain)}</h1>
<p class="when">stack ${html(stack)}, ${html(at.toISOString().slice(0, 16))}Z, ${(ms / 1000).toFixed(1)} s</p>
<p class="sum">${html(summaryOf(results))}</p>
${hostStack === undefined ? "" : `<p>${html(hostHint(hostStack))}</p>`}
${sections.join("\n")}
</body>
</html>
`;
}

function section(title: string, results: readonly Result[], isOpen: boolean): string {
  const items = results.map((result) => renderResult(result, isOpen));
  return `<section><h2>${html(title)}</h2>\n${items.join("\n")}</section>`;
}

function renderResult({ check, finding }: Result, isOpen: boolean): string {
  const { status, current, expected, remedy } = finding;
  const open = isOpen ? " open" : "";
  const rows = [
    [status === "skipped" ? "reason" : "current", current],
    ["expected", expected],
    ["why", check.why],
    ["mend", remedy ?? ""],
    ["check", check.id],
  ].filter(([, value]) => value !== "");
  const list = rows
    .map(([name = "", value = ""]) => `<dt>${name}</dt><dd class="${name}">${html(value)}</dd>`)
    .join("");
  return (
    `<details class="${status}"${open}><summary><span class="status">${status}</span><span>${html(check.title)}</span>` +
    `<span>${html(current)}</span></summary><dl>${list}</dl></details>`
  );
}
