import { noObjects } from "../../sandbox/cloud/buckets";
import { APPLICATION, POLICY, SERVICE_TOKEN } from "../../sandbox/cloud/kinds/access";
import { ACCOUNT_TOKEN } from "../../sandbox/cloud/kinds/account-token";
import { CATCH_ALL } from "../../sandbox/cloud/kinds/email-routing";
import { NOTIFICATION } from "../../sandbox/cloud/kinds/notification-policy";
import { R2_BUCKET, R2_LIFECYCLE } from "../../sandbox/cloud/kinds/r2";
import { TUNNEL, TUNNEL_CONFIG } from "../../sandbox/cloud/kinds/tunnel";
import { CRON, ROUTE, SCRIPT, SUBDOMAIN } from "../../sandbox/cloud/kinds/workers";
import type { Props } from "../../sandbox/cloud/props";
import type { World } from "../../sandbox/cloud/world";
import type { ZoneRecord } from "../../sandbox/cloud/zone";

/** Changes the account as somebody at the dashboard would; the answer undoes it. */
export type Change = (world: World) => (() => void | Promise<void>) | Promise<() => void | Promise<void>>;

/** One broken thing and the only check that says so. */
export interface WorldBreak {
  readonly id: string;
  readonly what: string;
  readonly status: "error" | "warning";
  readonly current: RegExp;
  readonly remedy: RegExp;
  readonly change: Change;
}

type Which = (props: Props) => boolean;

const DAY_MS = 86_400_000;
const UP = /^pulumi up --refresh --stack prod$/;
const DASHBOARD = /in Cloudflare's dashboard: Email/;
const SPOOL = /^npm run spool -- prod list/;
const inDays = (days: number) => new Date(Date.now() + days * DAY_MS + DAY_MS / 2).toISOString();

function alter(type: string, which: Which, patch: Props): Change {
  return (world) => {
    const { props } = found(world, type, which);
    const before = Object.fromEntries(Object.keys(patch).map((key) => [key, props[key]]));
    Object.assign(props, patch);
    return () => void Object.assign(props, before);
  };
}

function remove(type: string, which: Which): Change {
  return (world) => {
    const remote = found(world, type, which);
    const key = type === SUBDOMAIN || type === R2_LIFECYCLE ? "" : remote.id;
    world.forget(type, key);
    return () => world.putBack(type, remote);
  };
}

function found(world: World, type: string, which: Which) {
  const remote = world.all(type).find(({ props }) => which(props));
  if (!remote) throw new Error(`the account has no such ${type}`);
  return remote;
}

function zone(change: (zone: World["zones"][number]) => () => void): Change {
  return (world) => {
    const [first] = world.zones;
    if (!first) throw new Error("the account has no zone");
    return change(first);
  };
}

function inBucket(key: string, bytes = Buffer.from("x")): Change {
  return async (world) => {
    const bucket = String(found(world, R2_BUCKET, any).props["name"]);
    await world.buckets.put(bucket, key, bytes);
    return () => world.buckets.delete(bucket, key);
  };
}

const any = () => true;
const script = (name: string) => (props: Props) => props["scriptName"] === name;
const named = (name: string) => (props: Props) => props["name"] === name;
const INBOUND = script("mail-inbound");
const PUBLIC = script("mail-inbound-public");
const bindings = (world: World, which: Which) => found(world, SCRIPT, which).props["bindings"] as readonly Props[];

/** The sandbox keeps a bucket in the runtime of the Worker that has it; without that Worker it is empty here. */
function apartFromBucket(change: Change): Change {
  return async (world) => {
    const { buckets } = world;
    world.buckets = noObjects();
    const undo = await change(world);
    return async () => {
      await undo();
      world.buckets = buckets;
    };
  };
}

/** Another value, one too many, or one that is gone. */
function rebind(which: Which, change: (bindings: readonly Props[]) => readonly Props[]): Change {
  return (world) => alter(SCRIPT, which, { bindings: change(bindings(world, which)) })(world);
}

const waiting = (minutes: number) => `spool/${new Date(Date.now() - minutes * 60_000).toISOString()}-0123abcd.eml`;

function broken(id: string, what: string, current: RegExp, change: Change, more: Partial<WorldBreak> = {}): WorldBreak {
  return { id, what, status: "error", current, remedy: UP, change, ...more };
}

const dashboard = { remedy: DASHBOARD };

const EDGE: readonly WorldBreak[] = [
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
  ).flatMap(([entry, which]): WorldBreak[] => [
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
    /^autoconfig\.augustin\.ai\/\* missing$/,
    remove(ROUTE, ({ pattern }) => String(pattern).startsWith("autoconfig.")),
  ),
  broken(
    "edge.access-token",
    "ends in twelve days",
    /^12 days left/,
    alter(SERVICE_TOKEN, any, { expiresAt: inDays(12) }),
    { status: "warning", remedy: /^npm run rotate -- access-token prod$/ },
  ),
  broken("edge.access-token", "has ended", /^ended on/, alter(SERVICE_TOKEN, any, { expiresAt: inDays(-3) }), {
    remedy: /^npm run rotate -- access-token prod$/,
  }),
  ...[
    ["inbound", "mail worker augustin.ai"],
    ["imaps", "mail imaps augustin.ai"],
    ["submissions", "mail submissions augustin.ai"],
  ].flatMap(([label = "", name = ""]): WorldBreak[] => [
    broken(`edge.access.${label}`, "no application", /^no application$/, remove(APPLICATION, named(name))),
    broken(`edge.access.${label}`, "no policy", /^no policy$/, alter(APPLICATION, named(name), { policies: [] })),
  ]),
  broken(
    "edge.access.inbound",
    "everybody",
    /^bypass everyone$/,
    alter(POLICY, named("mail worker augustin.ai"), { decision: "bypass", includes: [{ everyone: {} }] }),
  ),
  broken("edge.alert", "off", /^switched off$/, alter(NOTIFICATION, any, { enabled: false }), { status: "warning" }),
  broken(
    "edge.alert",
    "to somebody else",
    /to nobody@example\.com$/,
    alter(NOTIFICATION, any, { mechanisms: { emails: [{ id: "nobody@example.com" }] } }),
    { status: "warning" },
  ),
  broken("edge.certificate-token", "is gone", /^none$/, remove(ACCOUNT_TOKEN, any)),
  broken("edge.bucket", "is gone", /^none$/, remove(R2_BUCKET, any)),
  broken(
    "edge.lifecycle",
    "deletes mail",
    /^everything after 7 days$/,
    alter(R2_LIFECYCLE, any, {
      rules: [
        {
          ...{ id: "all", enabled: true, conditions: { prefix: "" } },
          deleteObjectsTransition: { condition: { type: "Age", maxAge: 7 * 86_400 } },
        },
      ],
    }),
  ),
];

const TUNNELS: readonly WorldBreak[] = [
  broken("tunnel.exists", "is gone", /^none$/, remove(TUNNEL, any), { remedy: /--replace '\*\*tunnel'$/ }),
  broken(
    "tunnel.exists",
    "configured on the host",
    /^configured on the host$/,
    alter(TUNNEL, any, { configSrc: "local" }),
  ),
  broken(
    "tunnel.connected",
    "cloudflared is down",
    /^0 connections$/,
    (world) => {
      const before = world.tunnelConnections;
      world.tunnelConnections = () => 0;
      return () => void (world.tunnelConnections = before);
    },
    { remedy: /logs --tail 50 cloudflared/ },
  ),
  broken(
    "tunnel.connected",
    "one data centre is lost",
    /^2 connections$/,
    (world) => {
      const before = world.tunnelConnections;
      world.tunnelConnections = () => 2;
      return () => void (world.tunnelConnections = before);
    },
    { status: "warning", remedy: /cloudflared$/ },
  ),
  broken("tunnel.ingress", "a door more", /^ssh\.augustin\.ai to ssh:\/\/localhost:22$/, (world) => {
    const config = found(world, TUNNEL_CONFIG, any).props["config"] as { ingresses: readonly Props[] };
    const ingresses = [{ hostname: "ssh.augustin.ai", service: "ssh://localhost:22" }, ...config.ingresses];
    return alter(TUNNEL_CONFIG, any, { config: { ingresses } })(world);
  }),
];

const SPOOLED: readonly WorldBreak[] = [
  broken("spool.age", "a message of an hour ago", /^1 waits, the oldest for 60 min$/, inBucket(waiting(60)), {
    status: "warning",
    remedy: SPOOL,
  }),
  broken("spool.age", "a message of two days ago", /the oldest for 2880 min$/, inBucket(waiting(2880)), {
    remedy: SPOOL,
  }),
  broken("spool.dead", "one is refused", /^1$/, inBucket(waiting(1).replace("spool/", "dead/")), {
    remedy: /retry KEY --yes$/,
  }),
];

export const WORLD_BREAKS: readonly WorldBreak[] = [...EDGE, ...TUNNELS, ...SPOOLED];
