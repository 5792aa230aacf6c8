/** Foreign text on its way to a terminal or a page: every renderer, and the edge that everything passes. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import fc from "fast-check";
import { oneLine, visible } from "../../infra/settings/visible";
import type { Findings } from "../../ops/adopt/findings";
import { renderText as renderAdopt } from "../../ops/adopt/report";
import { sheetHtml } from "../../ops/client/sheet-html";
import { error, ok, skipped, warning } from "../../ops/doctor/check";
import { renderHtml as renderDoctorPage } from "../../ops/doctor/html";
import { type Examined, renderTable as renderDoctor } from "../../ops/doctor/report";
import { page } from "../../ops/doctor/watch";
import { html } from "../../ops/html";
import type { Prepared } from "../../ops/new-domain/prepare";
import { renderText as renderNewDomain } from "../../ops/new-domain/render";
import type { Entry } from "../../ops/spool/entries";
import { renderEntry, renderTable as renderSpool } from "../../ops/spool/render";
import type { Graph } from "../../ops/topology/graph";
import { renderMermaid } from "../../ops/topology/mermaid";
import { renderSvg } from "../../ops/topology/svg";

const ROOT = join(__dirname, "../..");
/** Clipboard, title, screen, 8-bit CSI, DEL, direction, zero width, separators, half a character, a tag character. */
const HOSTILE =
  "\u001b]52;c;aGk=\u0007\u001b]0;x\u001b\\\u001b[2J\u009b31m\u007f\u202e\u2066\u200b\u2028\u2029\ud800\u{e0041}\r\b\u0085" +
  "<img src=x onerror=alert(1)>\"'`&\n✓ all is well";
const STEERS =
  // eslint-disable-next-line no-control-regex -- these must not be there
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]|\p{Cs}|[\u{e0000}-\u{e007f}]/u;

const DATE = new Date(0);
const ENTRY: Entry = {
  ...{ key: `spool/${HOSTILE}`, state: "dead", size: 1, from: HOSTILE, to: HOSTILE },
  ...{ receivedAt: DATE, attempts: 1, next: HOSTILE, reason: HOSTILE },
};
const EXAMINED: Examined = {
  ...{ stack: "prod", domain: "example.org", hostStack: undefined, at: DATE, ms: 1 },
  results: [ok(HOSTILE), warning(HOSTILE, HOSTILE, HOSTILE), error(HOSTILE, HOSTILE, HOSTILE), skipped(HOSTILE)].map(
    (finding, index) => ({
      check: {
        ...{ id: `a.${index}`, area: "host", title: "A title", why: "Because.", needs: [], credentials: [] },
        run: () => Promise.resolve(finding),
      },
      finding,
      ms: 1,
    }),
  ),
};
const WANTED = { type: "cloudflare:index/dnsRecord:DnsRecord", name: HOSTILE, inputs: { content: HOSTILE } };
const FINDINGS = {
  adopted: [
    {
      ...{ wanted: WANTED, importId: HOSTILE, label: HOSTILE },
      differences: [{ property: "content", current: HOSTILE, wanted: HOSTILE }],
    },
  ],
  created: [{ wanted: WANTED, why: HOSTILE }],
  left: [{ label: HOSTILE, why: HOSTILE }],
  inTheWay: [{ label: HOSTILE, why: HOSTILE, mend: HOSTILE }],
} as unknown as Findings;
const PREPARED = {
  ...{ domain: "example.org", stack: "x", host: undefined, file: "Pulumi.x.yaml", open: [], next: "pulumi up" },
  steps: [{ what: "resend", state: "made", detail: HOSTILE }],
  changes: [
    {
      key: "mail:resendRecords",
      from: undefined,
      to: JSON.stringify([{ type: HOSTILE, name: HOSTILE, value: HOSTILE }]),
    },
  ],
} as unknown as Prepared;
const GRAPH: Graph = {
  nodes: [
    { id: "a", zone: "host", title: HOSTILE, lines: [HOSTILE] },
    { id: "b", zone: "host", title: "b", lines: [] },
  ],
  edges: [{ from: "a", to: "b", label: HOSTILE }],
} as unknown as Graph;

describe("hostile text", () => {
  it.each<[string, () => string]>([
    ["doctor", () => renderDoctor(EXAMINED)],
    ["doctor --watch", () => page(EXAMINED, "x", { colours: false, width: 80 }, 60).join("\n")],
    ["spool list", () => renderSpool([ENTRY], DATE)],
    ["spool show", () => renderEntry(ENTRY, Buffer.from(`Subject: ${HOSTILE.replace("\n", "")}\r\n\r\n`), DATE)],
    ["adopt", () => renderAdopt(FINDINGS, { stack: "prod", file: undefined })],
    ["new-domain", () => renderNewDomain(PREPARED, false)],
    ["topology --mermaid", () => renderMermaid(GRAPH)],
  ])("steers no terminal and is no line of its own: %s", (_, render) => {
    const shown = render();
    expect(shown).not.toMatch(STEERS);
    expect(shown).not.toMatch(/^✓ all is well/m);
  });

  it.each<[string, () => string]>([
    ["doctor --html", () => renderDoctorPage(EXAMINED)],
    ["topology --svg", () => renderSvg(GRAPH, HOSTILE)],
    ["the client sheet", () => sheetHtml(HOSTILE, [], [HOSTILE])],
  ])("is text on a page: %s", (_, render) => {
    const shown = render();
    expect(shown).not.toMatch(STEERS);
    expect(shown).not.toContain("<img");
  });
});

describe("what everything passes", () => {
  it("leaves nothing that steers, and keeps the values of JSON", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.nat(200), (text, most) => {
        expect(visible(text)).not.toMatch(STEERS);
        expect(oneLine(text, most)).not.toMatch(/[\n\t]/);
        expect(oneLine(text, most).length).toBeLessThanOrEqual(Math.max(most, 1));
        expect(html(text)).not.toMatch(/[<>"'`]/);
        const value = { [text]: [text] };
        expect(JSON.parse(visible(JSON.stringify(value, undefined, 2)))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
    expect(visible("Grüße, 日本語, שלום\tund\nmehr")).toBe("Grüße, 日本語, שלום\tund\nmehr");
  });

  /** In a process of its own, because this one's output belongs to Jest. */
  function printed(program: string): string {
    const source = `import * as out from "./ops/output";\n${program}`;
    return execFileSync(process.execPath, ["--import", "tsx", "--input-type=module-typescript", "-e", source], {
      cwd: ROOT,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  it("is the edge of each command: results, what other programs say, and crashes", () => {
    const hostile = JSON.stringify(HOSTILE);
    const shown = printed(
      `import { spawn } from "node:child_process";
       const { finish, print, relay } = out.default ?? out;
       finish({ code: 0, stdout: ${hostile} });
       finish({ code: 0, stdout: "\\u001b[31mred\\u001b[0m " + ${hostile}, styled: true });
       const child = spawn(process.execPath, ["-e", "process.stdout.write(" + JSON.stringify(${hostile}) + ")"]);
       relay(child.stdout, print);`,
    );
    const ours = ["\u001b[31mred", "\u001b[0m"];
    for (const style of ours) expect(shown).toContain(style);
    expect(ours.reduce((text, style) => text.replace(style, ""), shown)).not.toMatch(STEERS);
    expect(shown.split("]52;c;aGk=")).toHaveLength(4);
  });
});
