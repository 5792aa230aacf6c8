import { differencesOf, show, type Difference } from "./difference";
import { isFields, type Fields, type PlanLine, type UpsertLine } from "./plan-line";
import type { Registry, RegistryObject, RegistryType } from "./registry";

/** What of the plan the server does not have, or has and should not. */
export interface Finding {
  readonly object: string;
  /** By what the plan matches it: `name "imaps"`. */
  readonly which: string;
  readonly difference: Difference;
}

/** All objects of the types that a plan names, as the server has them. */
export type Snapshot = ReadonlyMap<string, readonly RegistryObject[]>;

/** Reads what `findings` needs. */
export async function snapshotFor(plan: readonly PlanLine[], registry: Registry): Promise<Snapshot> {
  const types = new Map<string, RegistryType>();
  for (const line of plan) {
    if (line["@type"] === "create") continue;
    types.set(line.object, { object: line.object, isSingleton: line["@type"] === "update" });
  }
  const lists = await registry.getAll([...types.values()]);
  return new Map([...types.keys()].map((object, index) => [object, lists[index] ?? []]));
}

/** Where the server differs from the plan. Pure; lines are taken in order, as references need them. */
export function findings(plan: readonly PlanLine[], snapshot: Snapshot): readonly Finding[] {
  const ids = new Map<string, string>();
  return plan.flatMap((line) => {
    const present = snapshot.get(line.object) ?? [];
    switch (line["@type"]) {
      case "create":
        return [];
      case "update":
        return ofObject(line.object, "singleton", resolve(line.value, ids), present[0]);
      case "upsert":
      case "reconcile":
        return ofObjects(line, present, ids);
    }
  });
}

function ofObjects(line: UpsertLine, present: readonly RegistryObject[], ids: Map<string, string>): readonly Finding[] {
  const matched = new Set<RegistryObject>();
  const found = Object.entries(line.value).flatMap(([name, value]) => {
    const wanted = resolve(value, ids);
    const which = line.matchOn.map((field) => `${field} ${show(value[field])}`).join(", ");
    const [first, ...more] = present.filter((object) => matches(object, wanted, line.matchOn));
    if (first !== undefined) ids.set(name, first.id);
    for (const object of [first, ...more]) if (object !== undefined) matched.add(object);
    const twice = more.length > 0 ? [finding(line.object, which, "", "one", `${more.length + 1} of them`)] : [];
    return [...twice, ...ofObject(line.object, which, wanted, first)];
  });
  if (line["@type"] !== "reconcile") return found;
  const surplus = present.filter((object) => !matched.has(object));
  return [
    ...found,
    ...surplus.map((object) => {
      const which = line.matchOn.map((field) => `${field} ${show(object[field])}`).join(", ");
      return finding(line.object, which, "", "none", "one that the plan does not name");
    }),
  ];
}

function ofObject(
  object: string,
  which: string,
  wanted: Fields,
  found: RegistryObject | undefined,
): readonly Finding[] {
  if (found === undefined) return [finding(object, which, "", "one", "none")];
  return differencesOf(wanted, found).map((difference) => ({ object, which, difference }));
}

function finding(object: string, which: string, field: string, wanted: string, found: string): Finding {
  return { object, which, difference: { field, wanted, found } };
}

/** One line for a person. */
export function describeFinding({ object, which, difference: { field, wanted, found } }: Finding): string {
  const place = field === "" ? "" : `: ${field}`;
  return `${object} (${which})${place}: wanted ${wanted}, found ${found}`;
}

/** The plan matches within a variant. */
function matches(object: RegistryObject, wanted: Fields, matchOn: readonly string[]): boolean {
  const fields = wanted["@type"] === undefined ? matchOn : ["@type", ...matchOn];
  return fields.every((field) => differencesOf({ [field]: wanted[field] }, object).length === 0);
}

/** Puts server ids in the place of `#name`, in texts and in keys. One that has no object stays, and so is a difference. */
function resolve(value: Fields, ids: ReadonlyMap<string, string>): Fields {
  const reference = (text: string) => (text.startsWith("#") ? (ids.get(text.slice(1)) ?? text) : text);
  const walk = (item: unknown): unknown => {
    if (typeof item === "string") return reference(item);
    return isFields(item) ? resolve(item, ids) : item;
  };
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [reference(key), walk(item)]));
}
