import type { Fields, UpdateLine, UpsertLine } from "../../../onhost/src/plan-line";

/** A set as the registry has it. */
export function setOf(members: readonly string[]): Readonly<Record<string, true>> {
  return Object.fromEntries(members.map((member) => [member, true]));
}

/** A list as the registry has it. */
export function listOf(items: readonly Fields[]): Readonly<Record<string, Fields>> {
  return Object.fromEntries(items.map((item, index) => [String(index), item]));
}

/** An expression without conditions. A text is quoted inside: `'resend'`. */
export function always(value: string): Fields {
  return { match: {}, else: value };
}

/** An expression with one condition. */
export function when(condition: string, then: string, otherwise: string): Fields {
  return { match: listOf([{ if: condition, then }]), else: otherwise };
}

export function upsert(object: string, matchOn: readonly string[], value: UpsertLine["value"]): UpsertLine {
  return { "@type": "upsert", object, matchOn, value };
}

export function reconcile(object: string, matchOn: readonly string[], value: UpsertLine["value"]): UpsertLine {
  return { "@type": "reconcile", object, matchOn, value };
}

export function update(object: string, value: Fields): UpdateLine {
  return { "@type": "update", object, value };
}
