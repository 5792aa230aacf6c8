import { bad, type Checked, type Fault, good } from "./fault";

/** Checks a list: JSON of an array, each item by `parseItem`; all bad items are reported. */
export function parseList<T>(
  text: string,
  parseItem: (item: unknown, index: number) => Checked<T>,
): Checked<readonly T[]> {
  const items = arrayOf(text);
  if (items === undefined) return bad({ rule: "is not a list", allowed: "a list, set item by item with --path" });
  const values: T[] = [];
  const faults: Fault[] = [];
  items.forEach((item, index) => {
    const checked = parseItem(item, index);
    if (checked.ok) values.push(checked.value);
    else
      faults.push(...checked.faults.map((fault) => ({ ...fault, item: { text: textOf(item), ...fault.item, index } })));
  });
  return faults.length === 0 ? good(values) : bad(...inRunOrder(faults));
}

/** Removing an item moves those after it: sets come first, then removals from the end, so that every command fits. */
function inRunOrder(faults: readonly Fault[]): readonly Fault[] {
  const isRemoval = ({ remove, item }: Fault): boolean => remove === true && item?.field === undefined;
  return [...faults.filter((fault) => !isRemoval(fault)), ...faults.filter(isRemoval).reverse()];
}

/** As {@link parseList} for items that are strings and may not repeat; `parseItem` gives the form that is compared. */
export function parseDistinct<T extends string>(
  text: string,
  parseItem: (item: string) => Checked<T>,
): Checked<readonly T[]> {
  const seen = new Set<string>();
  return parseList(text, (item) => {
    if (typeof item !== "string") return bad({ rule: "is not a string" });
    const checked = parseItem(item);
    if (!checked.ok) return checked;
    if (seen.has(checked.value)) return bad({ rule: "repeats an earlier item", remove: true });
    seen.add(checked.value);
    return checked;
  });
}

function arrayOf(text: string): readonly unknown[] | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function textOf(item: unknown): string {
  return typeof item === "string" ? item : JSON.stringify(item);
}
