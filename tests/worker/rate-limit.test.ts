import { bundleWorker } from "../../infra/edge/bundle";
import { routePatterns } from "../../infra/edge/public-paths";
import { RATE_LIMIT_PHASE, rateLimitRules } from "../../infra/edge/rate-limit";
import { RULESET } from "../../sandbox/cloud/kinds/ruleset";
import { ROUTE, SCRIPT } from "../../sandbox/cloud/kinds/workers";
import { World } from "../../sandbox/cloud/world";
import { newZone } from "../../sandbox/cloud/zone";
import type { Connectors } from "../../sandbox/edge/connector";
import { Edge } from "../../sandbox/edge/edge";
import { newTrace } from "../../sandbox/trace";
import { BINDINGS, DOMAIN, request } from "./public-worker";

/** The uploaded Worker behind its declared routes and the declared rule: which requests of a stranger call it. */

const ZONE = "0".repeat(32);
const STRANGER = "198.51.100.66";
const hosts = {
  "mta-sts": `mta-sts.${DOMAIN}`,
  autoconfig: `autoconfig.${DOMAIN}`,
  autodiscover: `autodiscover.${DOMAIN}`,
};

const zone = newZone(ZONE, DOMAIN);
const world = new World({ accountId: "a", apiToken: "t", zones: [zone] });
for (const name of Object.values(hosts))
  zone.records.push({ id: name, name, type: "AAAA", content: "100::", ttl: 1, proxied: true, locked: false });
world.create(SCRIPT, "public", {
  accountId: "a",
  scriptName: "public",
  mainModule: "worker.mjs",
  content: bundleWorker("public"),
  compatibilityDate: "2026-06-01",
  bindings: Object.entries(BINDINGS).map(([name, text]: [string, string]) => ({ name, type: "plain_text", text })),
});
for (const [name, pattern] of Object.entries(routePatterns(hosts)))
  world.create(ROUTE, name, { zoneId: ZONE, pattern, script: "public" });
world.create(RULESET, "rules", {
  zoneId: ZONE,
  kind: "zone",
  phase: RATE_LIMIT_PHASE,
  name: "Rate limits",
  rules: rateLimitRules(),
});
const edge = new Edge(world, { of: () => undefined } as unknown as Connectors);
afterAll(() => edge.close());

/** The status, and whether the Worker was called for it. */
async function asked(url: string, init: RequestInit, from: string): Promise<{ status: number; isCalled: boolean }> {
  const trace = newTrace();
  edge.trace = trace;
  const { status } = await edge.fetch(new Request(url, init), from);
  return { status, isCalled: trace.hops.some((hop) => hop.includes("Worker public")) };
}

test.each(["/", "/x", "/autodiscover", "/mail/", "/.env", "/wp-login.php", "/robots.txt"])(
  "a path that the Worker does not serve does not call it: %s",
  async (path) => {
    for (const host of Object.values(hosts))
      expect((await asked(`https://${host}${path}`, {}, "203.0.113.1")).isCalled).toBe(false);
  },
);

test.each([
  ["mta-sts", "/.well-known/mta-sts.txt"],
  ["autoconfig", "/mail/config-v1.1.xml?emailaddress=root%40example.org"],
  ["autoconfig", "/.well-known/autoconfig/mail/config-v1.1.xml"],
  ["autoconfig", "/.well-known/jmap"],
  ["autoconfig", "/mail.mobileconfig?emailaddress=root%40example.org"],
  ["autodiscover", "/autodiscover/autodiscover.xml"],
  ["autodiscover", "/Autodiscover/Autodiscover.xml"],
  ["autodiscover", "/AutoDiscover/AutoDiscover.xml"],
  ["autodiscover", "/autodiscover/autodiscover.json?Protocol=Autodiscoverv1"],
] as const)("a client reaches the Worker at %s, %s", async (host, path) => {
  const { status, isCalled } = await asked(`https://${hosts[host]}${path}`, { redirect: "manual" }, "203.0.113.2");
  expect(isCalled).toBe(true);
  expect(status).toBeLessThan(400);
});

test("a stranger's eleventh request is refused before the Worker, whatever it asks for; others go on", async () => {
  const body = request(`root@${DOMAIN}`);
  const post = (from: string) =>
    asked(`https://${hosts.autodiscover}/Autodiscover/autodiscover.xml`, { method: "POST", body }, from);
  const answers = [];
  for (let count = 0; count < 15; count += 1) answers.push(await post(STRANGER));
  expect(answers.filter(({ isCalled }) => isCalled)).toHaveLength(10);
  expect(answers.slice(10).map(({ status }) => status)).toEqual([429, 429, 429, 429, 429]);
  expect((await asked(`https://${hosts["mta-sts"]}/.well-known/mta-sts.txt`, {}, STRANGER)).status).toBe(429);
  expect((await post("203.0.113.3")).status).toBe(200);
});
