import { oneLine } from "../../infra/settings/visible";
import { AREAS, type Area, type Status } from "./check";
import type { Result } from "./runner";

/** What a report is about. */
export interface Examined {
  readonly stack: string;
  readonly domain: string;
  /** Of a further domain: the stack that has the host, whose report says how that one is. */
  readonly hostStack: string | undefined;
  readonly at: Date;
  /** Of the whole examination, in milliseconds. */
  readonly ms: number;
  readonly results: readonly Result[];
}

export interface Style {
  readonly colours: boolean;
  /** Characters of a line. */
  readonly width: number;
}

export const STATUSES: readonly Status[] = ["ok", "warning", "error", "skipped"];
const PLAIN: Style = { colours: false, width: 80 };
const STATUS_CHARACTERS = "warning".length;
const LABEL_CHARACTERS = "expected".length;
const COLOURS: Readonly<Record<Status, string>> = { ok: "32", warning: "33", error: "31", skipped: "90" };

export function countOf(results: readonly Result[], status: Status): number {
  return results.filter(({ finding }) => finding.status === status).length;
}

/** What is not fine: errors first, each in the order of the checks. */
export function faultsOf(results: readonly Result[]): readonly Result[] {
  const of = (status: Status) => results.filter(({ finding }) => finding.status === status);
  return [...of("error"), ...of("warning")];
}

/** 1 when there is an error; a warning or a skip is none. */
export function exitCodeOf(results: readonly Result[]): 0 | 1 {
  return countOf(results, "error") > 0 ? 1 : 0;
}

/** `52 ok, 1 warning, 0 errors, 3 skipped` */
export function summaryOf(results: readonly Result[]): string {
  const [ok, warnings, errors, skipped] = STATUSES.map((status) => countOf(results, status));
  return `${ok} ok, ${warnings} ${warnings === 1 ? "warning" : "warnings"}, ${errors} ${errors === 1 ? "error" : "errors"}, ${skipped} skipped`;
}

/** Results by area, areas in their order, those without a check left out. */
export function byArea(results: readonly Result[]): readonly (readonly [Area, readonly Result[]])[] {
  return (Object.keys(AREAS) as Area[])
    .map((area) => [area, results.filter(({ check }) => check.area === area)] as const)
    .filter(([, ofArea]) => ofArea.length > 0);
}

/** The table for a terminal. */
export function renderTable({ stack, domain, hostStack, at, ms, results }: Examined, style: Style = PLAIN): string {
  const areas = byArea(results).flatMap(([area, ofArea]) => [
    "",
    bold(AREAS[area], style),
    ...ofArea.filter(({ finding }) => finding.status !== "skipped").flatMap((result) => renderResult(result, style)),
    ...renderSkipped(ofArea, style),
  ]);
  const took = `${(ms / 1000).toFixed(1)} s`;
  return [
    `${domain} (stack ${stack}), ${at.toISOString().slice(0, 16)}Z, ${took}`,
    ...areas,
    "",
    ...renderRecap(results, style),
    bold(summaryOf(results), style),
    ...(hostStack === undefined ? [] : [hostHint(hostStack)]),
    "",
  ].join("\n");
}

/** A further domain's host, tunnel, Stalwart and backups are looked at once, with their own stack. */
export function hostHint(hostStack: string): string {
  return `Its host belongs to another stack: npm run doctor -- ${hostStack}`;
}

/** One line for what is fine; what is not gets its values, its reason and what mends it. */
export function renderResult({ check, finding }: Result, style: Style): readonly string[] {
  const { status, current, expected, remedy } = finding;
  const word = paint(status.padEnd(STATUS_CHARACTERS), status, style);
  const head = `  ${word}  ${flowing(check.title)}`;
  const used = 2 + STATUS_CHARACTERS + 2 + check.title.length;
  if (status === "ok") {
    const room = style.width - used - 2;
    const value = flowing(current);
    return [room < 8 || value === "" ? head : `${head}  ${faint(shorten(value, room), style)}`];
  }
  if (status === "skipped") return [head, ...labelled("", current, style)];
  return [
    head,
    ...labelled("current", current, style),
    ...labelled("expected", expected, style),
    ...labelled("why", check.why, style),
    ...labelled("mend", remedy ?? "", style),
  ];
}

/** A line for each fault, because the first ones have left the screen by now. */
function renderRecap(results: readonly Result[], style: Style): readonly string[] {
  const faults = faultsOf(results).map((result) => renderFault(result, style));
  return faults.length === 0 ? [] : [bold("To mend", style), ...faults, ""];
}

/** A fault in one line, with its area. */
export function renderFault({ check, finding }: Result, style: Style): string {
  const word = paint(finding.status.padEnd(STATUS_CHARACTERS), finding.status, style);
  return `  ${word}  ${shorten(flowing(`${AREAS[check.area]}: ${check.title}`), style.width - STATUS_CHARACTERS - 4)}`;
}

/** One line for each reason: what failed at the beginning would fill the screen otherwise. */
function renderSkipped(ofArea: readonly Result[], style: Style): readonly string[] {
  const skipped = ofArea.filter(({ finding }) => finding.status === "skipped");
  const reasons = [...new Set(skipped.map(({ finding }) => finding.current))];
  return reasons.flatMap((reason) => {
    const [first, ...more] = skipped.filter(({ finding }) => finding.current === reason);
    if (first === undefined) return [];
    const title = more.length === 0 ? first.check.title : `${more.length + 1} checks`;
    return renderResult({ ...first, check: { ...first.check, title } }, style);
  });
}

const INDENT = " ".repeat(2 + STATUS_CHARACTERS + 2);

function labelled(label: string, text: string, { width }: Style): readonly string[] {
  const lead = label === "" ? INDENT : `${INDENT}${label.padEnd(LABEL_CHARACTERS)}  `;
  const lines = wrap(flowing(text), width - lead.length);
  return lines.map((line, index) => `${index === 0 ? lead : " ".repeat(lead.length)}${line}`);
}

/** At spaces; a word that is too long is cut. */
export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const joined = line === "" ? word : `${line} ${word}`;
    if (joined.length <= width) {
      line = joined;
      continue;
    }
    if (line !== "") lines.push(line);
    line = word;
    for (; line.length > width; line = line.slice(width)) lines.push(line.slice(0, width));
  }
  return line === "" && lines.length > 0 ? lines : [...lines, line];
}

/** Values come from the network, often with line breaks and columns of their own. */
function flowing(text: string): string {
  return oneLine(text).replace(/ +/g, " ");
}

function shorten(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 3)}...`;
}

function paint(text: string, status: Status, { colours }: Style): string {
  return colours ? `\u001b[${COLOURS[status]}m${text}\u001b[0m` : text;
}

function bold(text: string, { colours }: Style): string {
  return colours ? `\u001b[1m${text}\u001b[0m` : text;
}

function faint(text: string, { colours }: Style): string {
  return colours ? `\u001b[2m${text}\u001b[0m` : text;
}

/** For scripts; the shape is part of docs/doctor.md. */
export function renderJson({ stack, domain, hostStack, at, ms, results }: Examined): string {
  const content = {
    stack,
    domain,
    hostStack: hostStack ?? null,
    at: at.toISOString(),
    ms,
    summary: Object.fromEntries(STATUSES.map((status) => [status, countOf(results, status)])),
    checks: results.map(({ check, finding, ms: took }) => ({
      id: check.id,
      area: check.area,
      title: check.title,
      status: finding.status,
      current: finding.current,
      expected: finding.expected,
      why: check.why,
      remedy: finding.remedy ?? null,
      needs: check.needs,
      follows: check.follows ?? [],
      credentials: check.credentials,
      ms: took,
    })),
  };
  return `${JSON.stringify(content, undefined, 2)}\n`;
}
