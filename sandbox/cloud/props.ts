/** A bag of properties as it travels between engine and provider: plain JSON. */
export type Props = Readonly<Record<string, unknown>>;

export function isProps(value: unknown): value is Props {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The text at `path` (dots for nesting), or undefined when there is none or it is no text. */
export function textAt(props: Props, path: string): string | undefined {
  const value = at(props, path);
  return typeof value === "string" ? value : undefined;
}

export function numberAt(props: Props, path: string): number | undefined {
  const value = at(props, path);
  return typeof value === "number" ? value : undefined;
}

/** The list of objects at `path`; empty when there is none. */
export function listAt(props: Props, path: string): readonly Props[] {
  const value = at(props, path);
  return Array.isArray(value) ? value.filter(isProps) : [];
}

/** The list of texts at `path`; empty when there is none. */
export function textsAt(props: Props, path: string): readonly string[] {
  const value = at(props, path);
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
}

export function at(props: Props, path: string): unknown {
  return path.split(".").reduce<unknown>((value, key) => (isProps(value) ? value[key] : undefined), props);
}

/** Equality of JSON values in which an absent property, `undefined` and `null` are the same. */
export function sameJson(a: unknown, b: unknown): boolean {
  return canonical(a) === canonical(b);
}

/** One text for equal values: keys in order, absent properties left out. */
export function canonical(value: unknown): string {
  return JSON.stringify(value ?? null, (_key, item: unknown) =>
    isProps(item)
      ? Object.fromEntries(
          Object.entries(item)
            .filter(([, v]) => v !== undefined && v !== null)
            .sort(byKey),
        )
      : item,
  );
}

function byKey([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
