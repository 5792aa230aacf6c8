import { isFields, type Fields } from "../plan-line";

export { isFields, type Fields };

/** The strings of a list; anything else in it is left out, and no list is an empty one. */
export function strings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
}

export function objects(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.filter(isFields) : [];
}

export function text(value: unknown, otherwise = ""): string {
  return typeof value === "string" ? value : otherwise;
}

/** JMAP's sets are `{"member": true}`. */
export function members(value: unknown): readonly string[] {
  if (!isFields(value)) return [];
  return Object.keys(value)
    .filter((key) => value[key] === true)
    .sort();
}

/** The same value gives the same text, whatever order a server sends keys in. */
export function stableJson(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    isFields(part) ? Object.fromEntries(Object.entries(part).sort(([one], [other]) => compare(one, other))) : part,
  );
}

/** By UTF-16 code units: the same everywhere, unlike a locale's order. */
export function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

/** Undefined for what is no JSON: the parser's message would quote it. */
export function parsed(json: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch {
    return undefined;
  }
}
