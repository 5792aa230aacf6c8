import { readFileSync } from "node:fs";
import { join } from "node:path";

import { PUBLIC_ROUTES, routePatterns } from "../../../infra/edge/public-paths";
import { RATE_LIMIT_PHASE, rateLimitRules } from "../../../infra/edge/rate-limit";
import { countsPath, RULESET } from "../../../sandbox/cloud/kinds/ruleset";
import { World } from "../../../sandbox/cloud/world";
import { newZone } from "../../../sandbox/cloud/zone";
import { RateLimits } from "../../../sandbox/edge/rate-limits";

/** What stands between strangers and the requests of the day. */

const ZONE = "0".repeat(32);
const FREE_REQUESTS_A_DAY = 100_000;
const HOUR_MS = 3_600_000;
const HOURS_A_DAY = 24;

const newWorld = () => new World({ accountId: "a", apiToken: "t", zones: [newZone(ZONE, "example.org")] });
const inputs = (rules: readonly object[] = rateLimitRules()) => ({
  zoneId: ZONE,
  kind: "zone",
  phase: RATE_LIMIT_PHASE,
  name: "Rate limits",
  rules: rules.map((rule) => ({ ...rule })),
});

/** How many of a stranger's requests of an hour reach the Worker, when one comes each so many milliseconds. */
function admitted(everyMs: number): number {
  const world = newWorld();
  world.create(RULESET, "rules", inputs());
  let now = 0;
  const limits = new RateLimits(world, () => now);
  let count = 0;
  for (; now < HOUR_MS; now += everyMs)
    if (!limits.refuses(ZONE, "/autodiscover/autodiscover.xml", "203.0.113.7")) count += 1;
  return count;
}

test.each([100, 500, 999, 1_000, 1_001, 5_000])(
  "one address cannot use up the free plan's requests of the day: one each %i ms",
  (everyMs) => {
    expect(admitted(everyMs) * HOURS_A_DAY).toBeLessThan(FREE_REQUESTS_A_DAY);
  },
);

test("addresses are counted apart, and a client that sets itself up is not refused", () => {
  const world = newWorld();
  world.create(RULESET, "rules", inputs());
  const limits = new RateLimits(world, () => 0);
  for (const from of ["203.0.113.1", "203.0.113.2"])
    for (const path of ["/.well-known/mta-sts.txt", "/mail/config-v1.1.xml", "/autodiscover/autodiscover.json"])
      expect(limits.refuses(ZONE, path, from)).toBe(false);
});

const hosts = {
  "mta-sts": "mta-sts.example.org",
  autoconfig: "autoconfig.example.org",
  autodiscover: "autodiscover.example.org",
};

test.each(PUBLIC_ROUTES)("every path that reaches the Worker is counted: $path", ({ name, path }) => {
  const [rule = {}] = rateLimitRules();
  for (const suffix of ["", "x", "/x/y", ".xml"]) expect(countsPath(rule, path.replace("*", suffix))).toBe(true);
  const ends = path.endsWith("*") ? path.slice(0, -1) : path;
  expect(routePatterns(hosts)[name]).toMatch(new RegExp(`\\.example\\.org${ends.replaceAll(".", "\\.")}\\*?$`));
});

test.each(["/", "/jmap", "/jmap/upload/x", "/dav/cal", "/admin", "/index.html"])(
  "what the server and a website answer is not counted: %s",
  (path) => {
    const [rule = {}] = rateLimitRules();
    expect(countsPath(rule, path)).toBe(false);
  },
);

const [OURS] = rateLimitRules();

test("docs/start.md has the same rule, for those who make it by hand", () => {
  const page = readFileSync(join(__dirname, "../../../docs/start.md"), "utf8").replace(/\s+/g, " ");
  expect(page).toContain(OURS?.expression);
});

test("a zone has one set of rules, also when it is empty", () => {
  const world = newWorld();
  world.create(RULESET, "theirs", inputs([]));
  expect(() => world.create(RULESET, "rules", inputs())).toThrow("exceeded maximum number of zone rulesets");
});

test.each<[what: string, rules: readonly object[], refusal: string]>([
  ["two rules", [OURS ?? {}, OURS ?? {}], "exceeded the maximum number of rules"],
  ["a host", [{ ...OURS, expression: 'http.host eq "mta-sts.example.org"' }], "field http.host"],
  ["a minute", [{ ...OURS, ratelimit: { ...OURS?.ratelimit, period: 60 } }], "period 60"],
  ["an hour's block", [{ ...OURS, ratelimit: { ...OURS?.ratelimit, mitigationTimeout: 3_600 } }], "period 3600"],
  ["addresses alone", [{ ...OURS, ratelimit: { ...OURS?.ratelimit, characteristics: ["ip.src"] } }], "cf.colo.id"],
])("the free plan refuses %s", (_, rules, refusal) => {
  expect(() => newWorld().create(RULESET, "rules", inputs(rules))).toThrow(refusal);
});
