/**
 * The rate limiting rule in front of the public Worker. It is what the free plan allows: one rule for each zone, which can
 * match only the path, counts for 10 s by address and data centre, and blocks for 10 s (Cloudflare, Rate limiting rules,
 * Availability).
 */
import { PUBLIC_ROUTES } from "./public-paths";

export const RATE_LIMIT_PHASE = "http_ratelimit";
/** Marks the rule as this program's. */
export const RATE_LIMIT_REF = "mail_stack_public_worker";

const PERIOD_SECONDS = 10;
/**
 * Below 11.5, so that one address alone cannot use up the free plan's 100,000 requests a day. A client that is being set up
 * makes about three requests.
 */
const MAX_REQUESTS = 10;

/** The rules of the zone's phase, as the provider takes them. */
export function rateLimitRules() {
  return [
    {
      ref: RATE_LIMIT_REF,
      description: "Public Worker: requests of one address",
      expression: expression(),
      action: "block",
      enabled: true,
      ratelimit: {
        // The data centre must be named; it keeps its own count.
        characteristics: ["cf.colo.id", "ip.src"],
        period: PERIOD_SECONDS,
        requestsPerPeriod: MAX_REQUESTS,
        mitigationTimeout: PERIOD_SECONDS,
      },
    },
  ];
}

/** Every path of a route. `wildcard` does not distinguish case. */
function expression(): string {
  const paths = new Set(PUBLIC_ROUTES.map(({ path }) => path.toLowerCase()));
  return [...paths].map((path) => `(http.request.uri.path wildcard "${path}")`).join(" or ");
}
