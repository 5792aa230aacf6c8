import { createHash } from "node:crypto";

import { inboundBindings, publicBindings } from "../../../infra/edge/bindings";
import { bundleWorker, type WorkerEntry } from "../../../infra/edge/bundle";
import type { Binding } from "../../../infra/edge/inbound-worker";
import { routePatterns } from "../../../infra/edge/public-paths";
import { RATE_LIMIT_PHASE, RATE_LIMIT_REF, rateLimitRules } from "../../../infra/edge/rate-limit";
import { SPOOL_SCHEDULE } from "../../../infra/edge/spool-rules";
import { scriptArgs } from "../../../infra/edge/worker";
import { canonical, listOf, type Props, textOf, textsOf } from "../../adopt/props";
import { type Check, error, ok, warning } from "../check";
import type { Deployment } from "../context";
import { converge, list } from "./ask";
import { EDGE_TOKEN, EDGE_ZONE, edgeCheck, zoneOf } from "./edge";

/** Not known to the doctor, and not compared. */
const WAY_HOME = { clientId: "", clientSecret: "", key: "", arrivalsKey: "" };
/** What is served under the public names comes from there. */
export const PUBLIC_WORKER = "edge.worker.public";
export const ROUTES = "edge.routes";
const DIGITS = 12;

interface Worker {
  readonly entry: WorkerEntry;
  readonly name: string;
  /** By name: the type, and the value where it can be read. */
  readonly bindings: Readonly<Record<string, string>>;
}

/** Both Workers: their code, their bindings, their clock and routes. */
export function workerChecks(deployment: Deployment): readonly Check[] {
  const { settings } = deployment;
  const workers: readonly Worker[] = [
    {
      entry: "inbound",
      name: settings.workerName,
      bindings: declared(inboundBindings(settings, WAY_HOME, settings.spool?.bucket)),
    },
    {
      entry: "public",
      name: `${settings.workerName}-public`,
      bindings: declared(
        Object.fromEntries(
          Object.entries(publicBindings(settings)).map(([name, text]: [string, string]) => [name, { text }]),
        ),
      ),
    },
  ];
  return [
    ...workers.flatMap((worker) => ofWorker(deployment, worker)),
    ...clockCheck(deployment),
    routesCheck(deployment),
    ...rateLimitCheck(deployment),
  ];
}

function ofWorker(deployment: Deployment, { entry, name, bindings }: Worker): readonly Check[] {
  const { accountId } = deployment.settings;
  const up = converge(deployment);
  const id = `edge.worker.${entry}`;
  const path = `/accounts/${accountId}/workers/scripts/${name}`;
  return [
    edgeCheck({
      id,
      title: `The ${entry} Worker has the code of this checkout`,
      why: entry === "inbound" ? "It brings mail home." : "It answers clients and senders about this domain.",
      needs: [EDGE_TOKEN],
      run: async ({ cloudflare }) => {
        const wanted = digest(bundleWorker(entry));
        const code = await cloudflare.script(name);
        if (code === undefined) return error(`there is no Worker ${name}`, wanted, up);
        const found = digest(code);
        return found === wanted ? ok(wanted) : error(found, wanted, `pulumi up --stack ${deployment.stack}`);
      },
    }),
    edgeCheck({
      id: `${id}.bindings`,
      title: `The ${entry} Worker has its bindings`,
      why: "With another value it looks for home, Access or the spool in the wrong place.",
      needs: [id],
      run: async ({ cloudflare }) => {
        const settings = (await cloudflare.get(`${path}/settings`)) ?? {};
        const found = Object.fromEntries(
          listOf(settings["bindings"]).map((one) => [textOf(one["name"]), bindingText(one)]),
        );
        return compared(found, bindings, up);
      },
    }),
    edgeCheck({
      id: `${id}.runtime`,
      title: `The ${entry} Worker runs as it was tested`,
      why: "Without global_fetch_strictly_public its requests would go past Access.",
      needs: [id],
      run: async ({ cloudflare }) => {
        const { compatibility_date: date, compatibility_flags: flags } =
          (await cloudflare.get(`${path}/settings`)) ?? {};
        const wanted = scriptArgs(accountId, name, "");
        const expected = [textOf(wanted.compatibilityDate), ...textsOf(wanted.compatibilityFlags)].join(" ");
        const current = [textOf(date), ...textsOf(flags)].join(" ");
        return current === expected ? ok(current) : error(current, expected, up);
      },
    }),
    edgeCheck({
      id: `${id}.address`,
      title: `The ${entry} Worker has no address at workers.dev`,
      why: "There it would answer past the names and rules of the zone.",
      needs: [id],
      run: async ({ cloudflare }) => {
        const { enabled, previews_enabled: previews } = (await cloudflare.get(`${path}/subdomain`)) ?? {};
        if (enabled !== true && previews !== true) return ok("none");
        return error(enabled === true ? "it has one" : "its previews have one", "none", up);
      },
    }),
  ];
}

function clockCheck(deployment: Deployment): readonly Check[] {
  const { accountId, spool, workerName } = deployment.settings;
  if (!spool) return [];
  return [
    edgeCheck({
      id: "edge.clock",
      title: "The clock that empties the spool runs",
      why: "Without it spooled mail stays where it is for ever.",
      needs: ["edge.worker.inbound"],
      run: async ({ cloudflare }) => {
        const answer = await cloudflare.get(`/accounts/${accountId}/workers/scripts/${workerName}/schedules`);
        const current = list(listOf(answer?.["schedules"]).map(({ cron }) => textOf(cron)));
        if (current === SPOOL_SCHEDULE) return ok(current);
        return error(
          current,
          SPOOL_SCHEDULE,
          `A refresh does not see it: pulumi up --stack ${deployment.stack} --replace '**inbound-clock'`,
        );
      },
    }),
  ];
}

function routesCheck(deployment: Deployment): Check {
  const { hostnames, workerName } = deployment.settings;
  return edgeCheck({
    id: ROUTES,
    title: "Public names lead to the public Worker",
    why: "Without its route a name answers nothing.",
    needs: [EDGE_ZONE, PUBLIC_WORKER],
    run: async ({ cloudflare }) => {
      const zone = await zoneOf(cloudflare, deployment);
      const routes = await cloudflare.list(`/zones/${textOf(zone?.["id"])}/workers/routes`);
      const found = Object.fromEntries(routes.map(({ pattern, script }) => [textOf(pattern), textOf(script)]));
      const { mtaSts, autoconfig, autodiscover } = hostnames;
      const patterns = Object.values(routePatterns({ "mta-sts": mtaSts, autoconfig, autodiscover }));
      const wanted = Object.fromEntries(patterns.map((pattern) => [pattern, `${workerName}-public`]));
      // Further routes are somebody else's.
      const ours = Object.fromEntries(Object.entries(found).filter(([pattern]) => pattern in wanted));
      return compared(ours, wanted, converge(deployment));
    },
  });
}

/** Without a rule of the stack's own the operator manages it, and any rule is right. */
function rateLimitCheck(deployment: Deployment): readonly Check[] {
  const { publicRateLimit, domain } = deployment.settings;
  return [
    edgeCheck({
      id: "edge.rate-limit",
      title: "The public Worker has a rate limit",
      why: "Strangers can use up the free plan's daily requests, and inbound mail needs them too.",
      needs: [EDGE_ZONE],
      run: async ({ cloudflare }) => {
        const zone = await zoneOf(cloudflare, deployment);
        const path = `/zones/${textOf(zone?.["id"])}/rulesets/phases/${RATE_LIMIT_PHASE}/entrypoint`;
        const rules = listOf((await cloudflare.get(path))?.["rules"]).filter(({ enabled }) => enabled !== false);
        if (!publicRateLimit) {
          const count = `${rules.length} rules`;
          const rule = `a rule for the paths of the public Worker (docs/start.md) in ${domain}, Security rules`;
          return rules.length > 0 ? ok(count) : warning("no rule", "one rule", `Make ${rule}`);
        }
        const [wanted] = rateLimitRules();
        const found = rules.find(({ ref }) => ref === RATE_LIMIT_REF);
        const { action, expression } = found ?? {};
        if (found === undefined) return warning("no rule", "one rule", converge(deployment));
        const isSame = action === wanted?.action && expression === wanted?.expression;
        return isSame ? ok("one rule") : warning("another rule", "one rule", converge(deployment));
      },
    }),
  ];
}

/** Says only what differs: a list of all bindings is nothing to read. */
function compared(found: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string>>, remedy: string) {
  if (canonical(found) === canonical(wanted)) return ok(`${Object.keys(wanted).length}, all as declared`);
  const names = [...new Set([...Object.keys(found), ...Object.keys(wanted)])].filter(
    (key) => found[key] !== wanted[key],
  );
  const told = (side: Readonly<Record<string, string>>) =>
    names.map((name) => `${name} ${side[name] ?? "missing"}`).join(", ");
  return error(told(found), told(wanted), remedy);
}

/** `plain_text value`; of a secret, which cannot be read, the type alone. */
function bindingText({ type, text, bucket_name: bucket }: Props): string {
  return [textOf(type), textOf(type) === "secret_text" ? "" : textOf(text) || textOf(bucket)].filter(Boolean).join(" ");
}

/** As {@link bindingText} tells them; what only the state knows is a secret, of which the type is compared. */
function declared(bindings: Readonly<Record<string, Binding>>): Record<string, string> {
  const told = (value: Binding) => {
    if ("secret" in value) return { type: "secret_text" };
    return "bucket" in value
      ? { type: "r2_bucket", bucket_name: value.bucket }
      : { type: "plain_text", text: value.text };
  };
  return Object.fromEntries(Object.entries(bindings).map(([name, value]) => [name, bindingText(told(value))]));
}

function digest(text: string): string {
  return `sha256 ${createHash("sha256").update(text).digest("hex").slice(0, DIGITS)}`;
}
