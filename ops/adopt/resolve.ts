import { tunnelHostname } from "../../infra/dns/rdata";
import { canonical, isProps, type Props } from "./props";
import type { Difference } from "./findings";
import { TYPE } from "./types";
import { UNKNOWN, type Wanted } from "./wanted";

/** In place of a value that comes from a resource that does not exist yet. */
export const LATER = "(known after up)";

/** Ids of resources that exist, by URN. */
export type Ids = ReadonlyMap<string, { readonly type: string; readonly id: string }>;

/** The inputs with the ids of what is adopted in the place of values that are not known before `up`. */
export function resolved({ inputs, dependsOn }: Wanted, ids: Ids): Props {
  return Object.fromEntries(
    Object.entries(inputs).map(([key, value]) => [key, filled(value, sourceOf(dependsOn[key] ?? [], ids), key)]),
  );
}

function sourceOf(urns: readonly string[], ids: Ids): ((key: string) => string) | undefined {
  const [urn, ...more] = urns;
  const found = urn === undefined || more.length > 0 ? undefined : ids.get(urn);
  // The only thing made of an id: the name under which the edge reaches a tunnel.
  return found && ((key) => (found.type === TYPE.tunnel && key === "content" ? tunnelHostname(found.id) : found.id));
}

function filled(value: unknown, source: ((key: string) => string) | undefined, key: string): unknown {
  if (value === UNKNOWN) return source ? source(key) : LATER;
  if (Array.isArray(value)) return value.map((item) => filled(item, source, key));
  if (!isProps(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, filled(item, source, name)]));
}

/** The properties of `wanted` that `current` has otherwise. What the program does not say is not compared. */
export function differences(wanted: Props, current: Props): Difference[] {
  return Object.keys(wanted)
    .filter((key) => canonical(wanted[key]) !== canonical(current[key]))
    .map((property) => ({ property, current: current[property], wanted: wanted[property] }));
}
