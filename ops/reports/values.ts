/** Fields of reports, which strangers write. */
export type Tree = Readonly<Record<string, unknown>>;

/** The largest count of one row or policy; it keeps sums exact. */
export const MAX_COUNT = 1_000_000_000;
const MAX_NAME_CHARACTERS = 255;

export function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** When a field that may occur once is repeated, the first one with a value counts. */
export function firstText(value: unknown): string | undefined {
  const all: readonly unknown[] = Array.isArray(value) ? (value as readonly unknown[]) : [value];
  for (const each of all) {
    const text = typeof each === "string" ? each.trim().slice(0, MAX_NAME_CHARACTERS) : "";
    if (text !== "") return text;
  }
  return undefined;
}

/** A number of messages or sessions; some senders put JSON numbers in quotes. Undefined: it is not one. */
export function wholeNumber(value: unknown): number | undefined {
  if (typeof value === "number") return Number.isInteger(value) && value >= 0 ? value : undefined;
  const text = firstText(value) ?? "";
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** `example.org` of `Reports <mailto:dmarc@example.org>`. */
export function domainOfAddress(text: string | undefined): string | undefined {
  return /@([a-z0-9.-]{1,253})/i
    .exec(text ?? "")?.[1]
    ?.toLowerCase()
    .replace(/\.+$/, "");
}
