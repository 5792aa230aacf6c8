/** A bag of properties: a resource's inputs as the engine shows them, or an object as an API answers it. */
export type Props = Readonly<Record<string, unknown>>;

export function isProps(value: unknown): value is Props {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

export function listOf(value: unknown): readonly Props[] {
  return Array.isArray(value) ? value.filter(isProps) : [];
}

export function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
}

/** One text for equal values: keys in order; absent properties and `null` are the same. */
export function canonical(value: unknown): string {
  return JSON.stringify(value ?? null, (_key, item: unknown) =>
    isProps(item)
      ? Object.fromEntries(
          Object.entries(item)
            .filter(([, part]) => part !== undefined && part !== null)
            .sort(([a], [b]) => (a < b ? -1 : 1)),
        )
      : item,
  );
}
