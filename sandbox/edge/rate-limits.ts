import { countsPath, rateLimitOf } from "../cloud/kinds/ruleset";
import { at } from "../cloud/props";
import type { World } from "../cloud/world";

/** The counts of one data centre for one rule; the free plan has no more. */
export class RateLimits {
  readonly #counted = new Map<string, { count: number; until: number }>();

  constructor(
    private readonly world: World,
    private readonly now: () => number = () => Date.now(),
  ) {}

  /** Counts the request and says whether it is one too many. Cloudflare does this before Workers and the cache run. */
  refuses(zoneId: string, pathname: string, from: string): boolean {
    const rule = rateLimitOf(this.world, zoneId);
    if (rule === undefined || !countsPath(rule, pathname)) return false;
    const limit = Number(at(rule, "ratelimit.requestsPerPeriod"));
    const now = this.now();
    const known = this.#counted.get(from);
    const counted =
      known !== undefined && known.until > now ? known : { count: 0, until: now + seconds(rule, "period") };
    this.#counted.set(from, counted);
    counted.count += 1;
    if (counted.count === limit + 1) counted.until = now + seconds(rule, "mitigationTimeout");
    return counted.count > limit;
  }
}

function seconds(rule: Readonly<Record<string, unknown>>, name: string): number {
  return Number(at(rule, `ratelimit.${name}`)) * 1_000;
}
