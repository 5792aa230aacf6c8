import { oneLine } from "../../infra/settings/visible";
import type { Adopted, Created, Difference, Findings } from "./findings";
import { kindOf, UPLOADED_AGAIN } from "./objects";
import { canonical } from "./props";
import { TYPE } from "./types";

const WIDTH = 80;

export interface ReportOptions {
  readonly stack: string;
  /** Where the import file was written; undefined when nothing was. */
  readonly file: string | undefined;
}

/** What was found, for a person. */
export function renderText(findings: Findings, options: ReportOptions): string {
  const { adopted, created, left, inTheWay } = findings;
  const isComment = ({ differences }: Adopted) => differences.every(({ property }) => property === "comment");
  const same = adopted.filter((each) => each.differences.length === 0);
  const commented = adopted.filter((each) => each.differences.length > 0 && isComment(each));
  const updated = adopted.filter((each) => !isComment(each) && each.replaced === undefined);
  const replaced = adopted.filter(({ replaced }) => replaced !== undefined);
  return [
    section("Adopted as it is", same.map(title)),
    section("Adopted; the next up writes a comment to it and changes nothing else", commented.map(title)),
    section(
      "Adopted and different. The program wins: the next up changes it in place",
      updated.map((each) => [title(each), ...details(each)].join("\n")),
    ),
    section(
      "Adopted and of another type. The program wins: the next up replaces it",
      replaced.map((each) => [title(each), ...details(each)].join("\n")),
    ),
    section(
      "Not there: created by the next up",
      created.flatMap((each) => (each.why === undefined ? [createdTitle(each)] : [])),
    ),
    section(
      "Created by the next up although there may be one, and why",
      created.flatMap((each) =>
        each.why === undefined ? [] : [[createdTitle(each), ...wrapped(each.why)].join("\n")],
      ),
    ),
    section(
      "Left alone: nothing of the program's",
      left.filter(({ why }) => why === undefined).map(({ label }) => cut(label)),
    ),
    section(
      "Left alone, and why",
      left.flatMap(({ label, why }) => (why === undefined ? [] : [[cut(label), ...wrapped(why)].join("\n")])),
    ),
    section(
      "In the way",
      inTheWay.map(({ label, why, mend }) => [cut(label), ...wrapped(`${why}. ${mend}.`)].join("\n")),
    ),
    next(findings, options),
  ]
    .filter((part) => part !== "")
    .join("\n");
}

/** The same for programs: { stack, file, adopted, differences, created, left, inTheWay }. */
export function renderJson({ adopted, created, left, inTheWay }: Findings, { stack, file }: ReportOptions): string {
  const named = ({ wanted, importId }: Adopted) => ({ type: wanted.type, name: wanted.name, importId });
  const report = {
    stack,
    file: file ?? null,
    adopted: adopted.map(named),
    differences: adopted
      .filter(({ differences }) => differences.length > 0)
      .map((each) => ({
        ...named(each),
        current: each.label,
        wins: "program",
        how: each.replaced === undefined ? "update" : "replace",
        properties: each.differences,
        keep: keep(each) ?? null,
      })),
    created: created.map(({ wanted, why }) => ({ type: wanted.type, name: wanted.name, why: why ?? null })),
    left,
    inTheWay,
  };
  return `${JSON.stringify(report, undefined, 2)}\n`;
}

function section(heading: string, items: readonly string[]): string {
  if (items.length === 0) return "";
  const lines = items.flatMap((item) => item.split("\n"));
  return `${heading} (${items.length})\n${lines.map((line) => `  ${line}\n`).join("")}`;
}

function title({ wanted, label }: Adopted): string {
  return cut(wanted.type === TYPE.record ? label : `${kindOf(wanted.type)} ${label}`);
}

function createdTitle({ wanted }: Created): string {
  return cut(`${kindOf(wanted.type)} ${wanted.name}`);
}

function details(each: Adopted): string[] {
  const key = keep(each);
  return [
    ...each.differences.filter(({ property }) => property !== "comment").flatMap(difference),
    ...(key === undefined ? [] : [`  to keep it: ${key}`]),
  ];
}

function difference({ property, current, wanted }: Difference): string[] {
  return property === UPLOADED_AGAIN.property
    ? [`  ${property}: uploaded again`]
    : [`  ${property}`, cut(`    now  ${shown(current)}`), cut(`    then ${shown(wanted)}`)];
}

/** Which value of the stack file stands behind a record: who wants to keep what is there, writes it there. */
function keep({ wanted: { type, name } }: Adopted): string | undefined {
  if (type === TYPE.catchAll) return "mail:inbound";
  if (type !== TYPE.record) return undefined;
  if (/-txt-_dmarc$/.test(name)) return "mail:dmarcPolicy and the two addresses beside it";
  if (/-txt-_smtp\._tls$/.test(name)) return "mail:tlsReportAddress";
  if (/-(resend\._domainkey|send(-\w+)?)$/.test(name)) return "mail:resendRecords";
  if (/-txt-.*\._domainkey$/.test(name)) return "set the key that the server signs with as mail:dkim...PrivateKey";
  return undefined;
}

/** Mail goes to a Worker already, perhaps an older one that does not keep what home does not take. */
function mailFlows(adopted: readonly Adopted[]): boolean {
  const catchAll = adopted.find(({ wanted }) => wanted.type === TYPE.catchAll);
  const differing = catchAll?.differences.find(({ property }) => property === "actions");
  return canonical(differing ? differing.current : catchAll?.wanted.inputs["actions"]).includes('"worker"');
}

function next({ adopted, created, inTheWay }: Findings, { stack, file }: ReportOptions): string {
  const tunnel = adopted.some(({ wanted }) => wanted.type === TYPE.tunnel);
  const token = created.some(({ wanted, why }) => wanted.type === TYPE.serviceToken && why !== undefined);
  const notes = [
    ...(inTheWay.length > 0 ? ["First what is in the way; then run this again."] : []),
    ...(mailFlows(adopted)
      ? [
          "Before up let the catch-all forward to another mailbox by hand: while up changes the way home, the old Worker " +
            "may not find it. up gives the catch-all to the new Worker last.",
        ]
      : []),
    ...(tunnel
      ? [
          "After up stop the old cloudflared of the adopted tunnel: Cloudflare spreads requests over all that are connected.",
        ]
      : []),
    ...(token ? ["After up, once mail arrives, delete the old service token and the old certificate token."] : []),
  ];
  if (file === undefined && adopted.length === 0)
    return ["Next", "  Nothing is there to adopt.", ...notes.flatMap(wrapped)].join("\n").concat("\n");
  const commands = [
    `pulumi import --file ${file ?? "FILE"} --generate-code=false --protect=false --stack ${stack}`,
    `pulumi preview --diff --stack ${stack}`,
    `pulumi up --stack ${stack}`,
    `pulumi preview --refresh --expect-no-changes --stack ${stack}`,
  ];
  const written =
    file === undefined ? "Nothing was written (--dry-run)." : `Wrote ${file}. It changes nothing by itself.`;
  return ["Next", `  ${written}`, ...commands.map((command) => `  ${command}`), ...notes.flatMap(wrapped)]
    .join("\n")
    .concat("\n");
}

function shown(value: unknown): string {
  if (value === undefined) return "(nothing)";
  return typeof value === "string" ? value : canonical(value);
}

/** Long values are in the JSON whole. */
function cut(line: string): string {
  const room = WIDTH - 2;
  const shown = oneLine(line);
  return shown.length <= room ? shown : `${shown.slice(0, room - 3)}...`;
}

/** A sentence below its item. */
function wrapped(sentence: string): string[] {
  const lines = [""];
  for (const word of oneLine(sentence).split(" ")) {
    const last = lines.at(-1) ?? "";
    if (last.length + word.length + 1 > WIDTH - 6 && last !== "") lines.push(word);
    else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`;
  }
  return lines.map((line) => `  ${line}`);
}
