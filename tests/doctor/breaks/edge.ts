import { CATCH_ALL } from "../../../sandbox/cloud/kinds/email-routing";
import { rateLimitRules } from "../../../infra/edge/rate-limit";
import { RULESET } from "../../../sandbox/cloud/kinds/ruleset";
import { CRON, ROUTE, SCRIPT, SUBDOMAIN } from "../../../sandbox/cloud/kinds/workers";
import type { ZoneRecord } from "../../../sandbox/cloud/zone";
import type { Break } from "../break";
import { alter, any, apartFromBucket, broken, INBOUND, inDays, PUBLIC, rebind, remove, zone } from "./account";

const dashboard = { remedy: /in Cloudflare's dashboard: Email/ };

export const EDGE: readonly Break[] = [
  broken(
    "edge.token",
    "ends in ten days",
    /^10 days left/,
    (world) => {
      world.apiTokenExpiresAt = inDays(10);
      return () => void (world.apiTokenExpiresAt = undefined);
    },
    { status: "warning", remedy: /Make a new token/ },
  ),
  broken(
    "edge.zone",
    "the registrar names other servers",
    /^augustin\.ai, pending$/,
    zone((it) => {
      it.isPending = true;
      return () => delete it.isPending;
    }),
    { remedy: /name servers at the registrar$/ },
  ),
  broken(
    "edge.zone",
    "paused",
    /^The zone augustin\.ai is paused/,
    zone((it) => {
      it.paused = true;
      return () => delete it.paused;
    }),
    { remedy: /^Resume it/ },
  ),
  broken(
    "edge.routing",
    "switched off",
    /^off$/,
    zone((it) => {
      it.emailRouting = false;
      return () => void (it.emailRouting = true);
    }),
    dashboard,
  ),
  broken(
    "edge.routing.locked",
    "somebody unlocked them",
    /^not locked: route1/,
    zone((it) => {
      const before: ZoneRecord[] = [...it.records];
      it.records.splice(0, before.length, ...before.map((record) => ({ ...record, locked: false })));
      return () => void it.records.splice(0, it.records.length, ...before);
    }),
    dashboard,
  ),
  broken("edge.catch-all", "drops", /^drop$/, alter(CATCH_ALL, any, { actions: [{ type: "drop" }] })),
  broken(
    "edge.catch-all",
    "another Worker",
    /^worker other$/,
    alter(CATCH_ALL, any, { actions: [{ type: "worker", values: ["other"] }] }),
  ),
  broken("edge.catch-all", "off", /^switched off$/, alter(CATCH_ALL, any, { enabled: false })),
  broken(
    "edge.rules",
    "a rule for one address",
    /^boss@augustin\.ai$/,
    zone((it) => {
      const to = { type: "literal", field: "to", value: "boss@augustin.ai" };
      it.rules.push({ tag: "1", name: "", enabled: true, matchers: [to], actions: [{ type: "drop" }], priority: 0 });
      return () => void it.rules.pop();
    }),
    { status: "warning", ...dashboard },
  ),
  ...(
    [
      ["inbound", INBOUND],
      ["public", PUBLIC],
    ] as const
  ).flatMap(([entry, which]): Break[] => [
    broken(
      `edge.worker.${entry}`,
      "is gone",
      /^there is no Worker mail-inbound/,
      apartFromBucket(remove(SCRIPT, which)),
    ),
    broken(
      `edge.worker.${entry}`,
      "somebody edited it",
      /^sha256 [0-9a-f]{12}$/,
      alter(SCRIPT, which, { content: "export default {}" }),
      { remedy: /^pulumi up --stack prod$/ },
    ),
    broken(
      `edge.worker.${entry}.runtime`,
      "without the flag",
      /^2026-06-01$/,
      alter(SCRIPT, which, { compatibilityFlags: [] }),
    ),
    broken(
      `edge.worker.${entry}.address`,
      "somebody switched it on",
      /^it has one$/,
      alter(SUBDOMAIN, which, { enabled: true }),
    ),
  ]),
  broken(
    "edge.worker.inbound.bindings",
    "another home",
    /^JMAP_URL plain_text https:\/\/evil\.example$/,
    rebind(INBOUND, (all) =>
      all.map((one) => (one["name"] === "JMAP_URL" ? { ...one, text: "https://evil.example" } : one)),
    ),
  ),
  broken(
    "edge.worker.inbound.bindings",
    "no spool",
    /^SPOOL missing$/,
    apartFromBucket(rebind(INBOUND, (all) => all.filter(({ name }) => name !== "SPOOL"))),
  ),
  broken(
    "edge.worker.inbound.bindings",
    "a secret in the open",
    /^JMAP_TOKEN plain_text /,
    rebind(INBOUND, (all) =>
      all.map((one) => (one["name"] === "JMAP_TOKEN" ? { ...one, type: "plain_text", text: "x" } : one)),
    ),
  ),
  broken(
    "edge.worker.public.bindings",
    "one too many",
    /^DEBUG plain_text 1$/,
    rebind(PUBLIC, (all) => [...all, { name: "DEBUG", type: "plain_text", text: "1" }]),
  ),
  broken("edge.clock", "stopped", /^nothing$/, alter(CRON, any, { schedules: [] }), {
    remedy: /--replace '\*\*inbound-clock'$/,
  }),
  broken(
    "edge.routes",
    "one is gone",
    /^autoconfig\.augustin\.ai\/mail\/config-v1\.1\.xml\* missing$/,
    remove(ROUTE, ({ pattern }) => String(pattern).startsWith("autoconfig.augustin.ai/mail/")),
  ),
  broken("edge.rate-limit", "somebody deleted it", /^no rule$/, remove(RULESET, any), { status: "warning" }),
  broken(
    "edge.rate-limit",
    "it only logs",
    /^another rule$/,
    alter(RULESET, any, { rules: rateLimitRules().map((rule) => ({ ...rule, action: "log" })) }),
    { status: "warning" },
  ),
];
