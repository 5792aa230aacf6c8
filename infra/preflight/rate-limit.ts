import { RATE_LIMIT_PHASE, RATE_LIMIT_REF } from "../edge/rate-limit";
import type { ListedZone } from "../zone";
import { type Get, isObject } from "./ask";
import { PreflightError } from "./error";

/** Rules that the program did not make would be lost, and Cloudflare would refuse a second set half-way (20217). */
export async function checkRateLimit(get: Get, { id, name }: ListedZone): Promise<void> {
  const { status, result } = await get(`/zones/${id}/rulesets/phases/${RATE_LIMIT_PHASE}/entrypoint`);
  if (status === 404) return;
  const without = "Or manage the rules yourself (docs/start.md): pulumi config set mail:publicRateLimit false";
  if (status === 401 || status === 403)
    throw new PreflightError(
      `Cloudflare does not let this token see the rate limiting rules of the zone ${name} (HTTP ${status}). Nothing was ` +
        `changed. Give the token the permission Zone WAF Write, then run the command again. ${without}`,
    );
  if (status !== 200 || !isObject(result))
    throw new PreflightError(
      `Cloudflare refused to show the rate limiting rules of the zone ${name} (HTTP ${status}). Nothing was changed. Look ` +
        `at Security rules in Cloudflare's dashboard, then run the command again. ${without}`,
    );
  const rules: readonly unknown[] = Array.isArray(result["rules"]) ? result["rules"] : [];
  if (rules.length > 0 && rules.every((rule) => isObject(rule) && rule["ref"] === RATE_LIMIT_REF)) return;
  if (rules.length === 0)
    throw new PreflightError(
      `The zone ${name} has an empty set of rate limiting rules, beside which Cloudflare refuses the stack's. Nothing was ` +
        `changed. Delete the set (API: DELETE /zones/${id}/rulesets/${String(result["id"])}), then run the command again. ${without}`,
    );
  throw new PreflightError(
    `The zone ${name} has rate limiting rules of its own (${rules.length}), which this stack would replace. Nothing was ` +
      `changed. Keep them, and add one for the public Worker (docs/start.md): pulumi config set mail:publicRateLimit false`,
  );
}
