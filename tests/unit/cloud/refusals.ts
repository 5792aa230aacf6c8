import type { Props } from "../../../sandbox/cloud/props";
import {
  DOMAIN,
  type Furnished,
  furnished,
  ingress,
  refusalOf,
  type Shape,
  shaped,
  TYPE,
  type TypeName,
} from "./cloud";

/** What is asked for: a type and its inputs. */
export type Step = readonly [TypeName, Shape];

/** Asks the model for it. */
export function make(made: Furnished, [type, shape]: Step): void {
  made.world.create(TYPE[type], "it", shaped(made, shape));
}

/** What stands already, what is asked for, the service's code (undefined: the provider's own) and words of its answer. */
export type Row = readonly [string, readonly Step[], Step, number | undefined, string];

export const catchAllRule = { service: "http_status:404" };
export const rule = (changes: Props): Props => ({
  hostname: `mail.${DOMAIN}`,
  service: "https://traefik:443",
  ...changes,
});
/** Ingress of the tunnel that stands already. */
export const rules =
  (...list: readonly Props[]) =>
  ({ tunnelId }: Furnished): Props =>
    ingress(tunnelId, list);

/** One test for each row: the model refuses, says why, and has changed nothing. */
export function eachRefused(rows: readonly Row[]): void {
  it.each(rows)("%s", (_what, before, asked, code, text) => {
    const made = furnished();
    for (const step of before) make(made, step);
    const untouched = made.world.snapshot();
    const refusal = refusalOf(() => make(made, asked));
    expect(refusal?.text).toContain(text);
    expect(refusal?.code).toBe(code);
    expect(made.world.snapshot()).toBe(untouched);
  });
}
