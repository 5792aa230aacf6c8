import { Fault } from "./fault";

/**
 * One operation of a plan for `stalwart-cli apply`, an NDJSON line. The plan of infra/host/stalwart is made of these, and
 * `onhost verify` reads them back.
 */
export type PlanLine = UpsertLine | UpdateLine | CreateLine;

/** A JSON object as Stalwart's registry takes it: lists are `{"0": …}`, sets are `{"member": true}`, durations ms. */
export type Fields = Readonly<Record<string, unknown>>;

/** Brings the objects about, matched by `matchOn`; `reconcile` also destroys all other objects of the type. */
export interface UpsertLine {
  readonly "@type": "upsert" | "reconcile";
  readonly object: string;
  readonly matchOn: readonly string[];
  /** By a name for `#name` references, unique in the plan. */
  readonly value: Readonly<Record<string, Fields>>;
}

/** Patches a singleton. */
export interface UpdateLine {
  readonly "@type": "update";
  readonly object: string;
  readonly value: Fields;
}

/** Creates without looking; here only for actions. */
export interface CreateLine {
  readonly "@type": "create";
  readonly object: string;
  readonly value: Readonly<Record<string, Fields>>;
}

/** The file's text, one line for each operation. */
export function renderPlan(lines: readonly PlanLine[]): string {
  return lines.map((line) => `${JSON.stringify(line)}\n`).join("");
}

/** Reads a plan file. Throws a `Fault` with the line's number at the first line that is none of the known operations. */
export function parsePlan(text: string): readonly PlanLine[] {
  return text.split("\n").flatMap((line, index) => (line.trim() === "" ? [] : [parseLine(line, index + 1)]));
}

function parseLine(text: string, number: number): PlanLine {
  const line = parseJson(text);
  if (!isFields(line) || typeof line["object"] !== "string" || !isFields(line["value"])) throw noPlan(number);
  const kind = line["@type"];
  if (kind === "update") return { "@type": kind, object: line["object"], value: line["value"] };
  const value = line["value"];
  if (!areAllFields(value)) throw noPlan(number);
  if (kind === "create") return { "@type": kind, object: line["object"], value };
  const matchOn = line["matchOn"];
  if ((kind !== "upsert" && kind !== "reconcile") || !areStrings(matchOn)) throw noPlan(number);
  return { "@type": kind, object: line["object"], matchOn, value };
}

function noPlan(line: number): Fault {
  return new Fault(
    `Line ${line} of Stalwart's plan is no operation that is known here.`,
    "The plan cannot be compared with the server.",
    "Run pulumi up again: it installs the plan.",
  );
}

/** Undefined for what is no JSON. The parser's own message would show a piece of the text, which may be a secret. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function areAllFields(value: Fields): value is Readonly<Record<string, Fields>> {
  return Object.values(value).every(isFields);
}

function areStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === "string");
}
