import { isProps, type Props } from "../../cloud/props";

/** One line of a plan for `stalwart-cli apply` (its documentation of apply; version 1.0.13). */
export interface Operation {
  readonly kind: "create" | "destroy" | "reconcile" | "update" | "upsert";
  readonly object: string;
  readonly matchOn: readonly string[];
  /** Objects by client id; of an update the patch itself; of a destroy the filter. */
  readonly value: Props;
  /** Of an update: `#ref` or an id; absent for a singleton. */
  readonly id: string | undefined;
}

/** The plan is refused before anything is sent. */
export class PlanError extends Error {}

const FIELDS = new Set(["@type", "object", "matchOn", "value", "id", "filter", "scope"]);
const KINDS: readonly string[] = ["create", "destroy", "reconcile", "update", "upsert"];

/** Reads the whole file before anything is applied: one bad line refuses it all. */
export function readPlan(text: string): readonly Operation[] {
  const operations = text.split("\n").flatMap((line, index) => (line.trim() === "" ? [] : [readLine(line, index + 1)]));
  const known = new Set<string>();
  for (const { kind, value } of operations) {
    const names = kind === "update" || kind === "destroy" ? [] : Object.keys(value);
    // An object may name one that the same line makes; none may name a later one.
    const twice = names.find((name) => known.has(name));
    if (twice !== undefined) throw new PlanError(`duplicate client id '${twice}'`);
    for (const name of names) known.add(name);
    const missing = references(value).find((name) => !known.has(name));
    if (missing !== undefined) throw new PlanError(`unresolved reference '#${missing}'`);
  }
  return operations;
}

function readLine(text: string, number: number): Operation {
  const bad = (why: string) => new PlanError(`invalid plan NDJSON on line ${number}: ${why}`);
  let line: unknown;
  try {
    line = JSON.parse(text);
  } catch {
    throw bad("expected value");
  }
  if (!isProps(line)) throw bad("expected an object");
  const unknown = Object.keys(line).find((key) => !FIELDS.has(key));
  if (unknown !== undefined) throw bad(`unknown field \`${unknown}\``);
  const kind = line["@type"];
  const object = line["object"];
  if (typeof kind !== "string" || !KINDS.includes(kind)) throw bad(`unknown variant \`${String(kind)}\``);
  if (typeof object !== "string") throw bad("missing field `object`");
  if (line["scope"] !== undefined) throw bad("the sandbox does not know `scope`");
  const value = line["value"] ?? line["filter"] ?? {};
  if (!isProps(value)) throw bad("invalid type for `value`");
  const { matchOn, id } = line;
  return {
    kind: kind as Operation["kind"],
    object,
    matchOn: Array.isArray(matchOn) ? matchOn.map(String) : [],
    value,
    id: typeof id === "string" ? id : undefined,
  };
}

/** Every `#name` in texts and keys. A text with a space is a text. */
function references(value: unknown): string[] {
  if (typeof value === "string") return reference(value);
  if (Array.isArray(value)) return value.flatMap(references);
  if (!isProps(value)) return [];
  return Object.entries(value).flatMap(([key, item]) => [...reference(key), ...references(item)]);
}

function reference(text: string): string[] {
  const name = /^#([A-Za-z0-9_-]+)$/.exec(text)?.[1];
  return name === undefined ? [] : [name];
}

/** The value with server ids in the place of `#name`. */
export function resolved(value: Props, ids: ReadonlyMap<string, string>): Props {
  const walk = (item: unknown): unknown => {
    if (typeof item === "string") return ids.get(reference(item)[0] ?? "") ?? item;
    if (Array.isArray(item)) return item.map(walk);
    return isProps(item) ? resolved(item, ids) : item;
  };
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [ids.get(reference(key)[0] ?? "") ?? key, walk(item)]),
  );
}
