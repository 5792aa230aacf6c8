import type { Kind } from "../kind";
import { at, listAt, type Props, textAt, textsAt } from "../props";
import { Refusal } from "../refusal";
import type { World } from "../world";

export const RULESET = "cloudflare:index/ruleset:Ruleset";

/** The limits of the free plan for a rate limiting rule (Cloudflare, Rate limiting rules, Availability). */
const MAX_RULES = 1;
const PERIOD_SECONDS = 10;
const FIELDS: readonly string[] = ["http.request.uri.path", "cf.client.bot"];

/** cloudflare:index/ruleset:Ruleset: a zone's rate limiting rules, one set of them for each zone. */
export const ruleset: Kind = {
  importId: {
    format: "zones/<zone_id>/<ruleset_id>",
    find: ([, , id], world) => world.all(RULESET).find((remote) => remote.id === id),
  },
  replaceOn: ["zoneId", "kind", "phase"],
  computed: ["lastUpdated", "version"],
  filled: ["description"],
  check(inputs) {
    const kinds = ["managed", "custom", "root", "zone"];
    const kind = textAt(inputs, "kind") ?? "";
    return kinds.includes(kind) ? undefined : `Attribute kind value must be one of: ${JSON.stringify(kinds)}`;
  },
  create(inputs, world) {
    const { zoneId, phase } = inputs;
    world.zoneById(textAt(inputs, "zoneId") ?? "");
    // Even a set without rules, as the dashboard leaves behind (terraform-provider-cloudflare issues 1222 and 2004).
    if (world.find(RULESET, (props) => props["zoneId"] === zoneId && props["phase"] === phase))
      throw new Refusal(
        400,
        20_217,
        `'zone' is not a valid value for kind because exceeded maximum number of zone rulesets for phase ${String(phase)}`,
      );
    refuse(inputs);
    return { id: world.newId(), props: inputs };
  },
  update(_remote, inputs) {
    refuse(inputs);
    return inputs;
  },
  delete: () => undefined,
};

function refuse(inputs: Props): void {
  if (inputs["phase"] !== "http_ratelimit")
    throw new Refusal(501, undefined, `the sandbox has no model of the phase ${String(inputs["phase"])}`);
  const rules = listAt(inputs, "rules");
  if (rules.length > MAX_RULES)
    throw new Refusal(403, 20_118, `exceeded the maximum number of rules in the phase http_ratelimit: ${MAX_RULES}`);
  for (const rule of rules) refuseRule(rule);
}

function refuseRule(rule: Props): void {
  const characteristics = textsAt(rule, "ratelimit.characteristics");
  if (!characteristics.includes("cf.colo.id"))
    throw new Refusal(400, 20_155, "the characteristics of a rate limit must include cf.colo.id");
  if (characteristics.some((name) => name !== "cf.colo.id" && name !== "ip.src"))
    throw new Refusal(403, 20_127, `not entitled to use the characteristics ${characteristics.join(", ")}`);
  for (const period of ["ratelimit.period", "ratelimit.mitigationTimeout"])
    if (at(rule, period) !== PERIOD_SECONDS)
      throw new Refusal(
        403,
        20_120,
        `not entitled to use the period ${String(at(rule, period))}, can only use one of [10]`,
      );
  const fields = (textAt(rule, "expression") ?? "").replace(/"[^"]*"/g, "").match(/\b[a-z]+(?:\.[a-z_]+)+\b/g) ?? [];
  const foreign = fields.filter((field) => !FIELDS.includes(field));
  if (foreign.length > 0) throw new Refusal(403, 20_127, `not entitled to use the field ${foreign.join(", ")}`);
}

/** Whether the rule counts a request of that path; `wildcard` does not distinguish case. */
export function countsPath(rule: Props, pathname: string): boolean {
  const patterns = [...(textAt(rule, "expression") ?? "").matchAll(/http\.request\.uri\.path wildcard "([^"]*)"/g)];
  return patterns.some(([, pattern = ""]) => {
    const text = pattern.replace(/[\\^$.+?()[\]{}|]/g, "\\$&").replaceAll("*", ".*");
    return new RegExp(`^${text}$`, "i").test(pathname);
  });
}

/** The zone's rule, as long as it blocks. */
export function rateLimitOf(world: World, zoneId: string): Props | undefined {
  const rules = world.find(RULESET, (props) => props["zoneId"] === zoneId)?.props ?? {};
  return listAt(rules, "rules").find((rule) => rule["action"] === "block" && rule["enabled"] !== false);
}
