import { changedKeys } from "../../../sandbox/cloud/world";
import {
  aaaa,
  accountId,
  application,
  caa,
  catchAll,
  changedAfterRefresh,
  cname,
  accountToken,
  command,
  cron,
  DOMAIN,
  emptyWorld,
  furnished,
  ingress,
  lifecycle,
  mx,
  notification,
  policy,
  r2,
  script,
  type Shape,
  shaped,
  srv,
  tunnel,
  txt,
  TYPE,
  type TypeName,
  zoneId,
  zoneOf,
} from "./cloud";

function changes(type: TypeName, shape: Shape): readonly string[] {
  const made = furnished();
  return changedAfterRefresh(made.world, type, shaped(made, shape));
}

const long = (length: number) => "k".repeat(length);

describe("what the real service reads back unchanged shows no difference after a refresh", () => {
  const shapes: readonly (readonly [string, TypeName, Shape])[] = [
    ["TXT in quotes", "record", txt()],
    ["TXT cut at exactly 255", "record", txt({ content: `"${long(255)}" "${long(150)}"` })],
    ["TXT of exactly 255", "record", txt({ content: `"${long(255)}"` })],
    [
      "TXT cut at 255 characters of its value, an escape counting as one",
      "record",
      {
        ...txt(),
        content: `"${'\\"'.repeat(255)}" "x"`,
      },
    ],
    ["SRV with its priority twice", "record", srv()],
    ["SRV of a service that is not offered", "record", srv({ data: { priority: 0, weight: 0, port: 0, target: "." } })],
    ["CAA", "record", caa()],
    ["CAA whose flags are text", "record", caa({ data: { flags: "0", tag: "issue", value: "letsencrypt.org" } })],
    ["MX", "record", mx()],
    ["proxied CNAME", "record", cname()],
    ["CNAME that says nothing of proxied", "record", cname({ proxied: undefined, ttl: 300 })],
    ["CNAME whose target has another case", "record", cname({ content: "Target.Example.NET" })],
    ["empty settings of a record", "record", cname({ settings: {} })],
    ["AAAA in canonical form", "record", aaaa()],
    ["a record of the domain itself named @", "record", txt({ name: "@" })],
    ["a name relative to the zone", "record", txt({ name: "_dmarc" })],
    ["Email Routing", "routing", { zoneId }],
    ["the DNS of Email Routing", "routingDns", { zoneId }],
    ["catch-all with a name", "catchAll", catchAll()],
    ["catch-all that drops", "catchAll", catchAll({ actions: [{ type: "drop" }] })],
    ["script", "script", script({ scriptName: "other" })],
    [
      "script with all four fields of its logs",
      "script",
      {
        ...script({ scriptName: "other" }),
        observability: {
          enabled: true,
          headSamplingRate: 1,
          logs: { enabled: true, headSamplingRate: 1, invocationLogs: true, persist: true },
        },
      },
    ],
    [
      "script without what the API has defaults for",
      "script",
      {
        ...script({ scriptName: "other" }),
        compatibilityDate: undefined,
        logpush: undefined,
        usageModel: undefined,
        observability: undefined,
        limits: { cpuMs: 50 },
      },
    ],
    ["subdomain", "subdomain", { accountId, scriptName: "mail-in", enabled: false, previewsEnabled: false }],
    ["subdomain without previews", "subdomain", { accountId, scriptName: "mail-in", enabled: false }],
    ["route", "route", { zoneId, pattern: `mta-sts.${DOMAIN}/*`, script: "mail-in" }],
    ["cron trigger", "cron", cron("*/5 * * * *")],
    ["R2 bucket whose place Cloudflare chooses", "r2", r2({ name: "second" })],
    ["R2 bucket with a place", "r2", r2({ name: "second", location: "weur" })],
    ["lifecycle", "lifecycle", lifecycle()],
    [
      "lifecycle that ends uploads",
      "lifecycle",
      lifecycle({
        rules: [
          {
            id: "uploads",
            enabled: true,
            conditions: { prefix: "" },
            abortMultipartUploadsTransition: { condition: { type: "Age", maxAge: 604_800 } },
          },
        ],
      }),
    ],
    ["tunnel", "tunnel", tunnel({ name: "second" })],
    ["ingress", "ingress", ({ tunnelId }) => ingress(tunnelId)],
    ["service token", "token", { accountId, name: "t", duration: "8760h" }],
    ["service token of default duration", "token", { accountId, name: "t" }],
    ["service token for ever", "token", { accountId, name: "t", duration: "forever" }],
    ["Access policy", "policy", ({ tokenId }) => policy(tokenId)],
    ["Access policy with empty excludes", "policy", ({ tokenId }) => policy(tokenId, { excludes: [] })],
    [
      "Access policy with several includes",
      "policy",
      ({ tokenId }) =>
        policy(tokenId, { includes: [{ serviceToken: { tokenId } }, { email: { email: "a@b.example" } }] }),
    ],
    ["Access application", "application", ({ policyId }) => application(policyId)],
    [
      "Access application without a policy",
      "application",
      ({ policyId }) => application(policyId, { policies: undefined }),
    ],
    [
      "Access application whose policy has no precedence",
      "application",
      ({ policyId }) => application(policyId, { policies: [{ id: policyId }] }),
    ],
    ["notification with a description", "notification", notification()],
    ["S3 bucket", "bucket", { bucket: "mail-backup" }],
    ["S3 bucket that AWS names", "bucket", {}],
    ["split DNS", "splitDns", { domain: "mail.example.org", nameservers: ["100.64.0.1"] }],
    ["tailnet key", "tailnetKey", { description: "phone", tags: ["tag:mail"], reusable: false }],
    ["remote command", "command", command()],
    ["token of the account", "accountToken", accountToken()],
  ];

  it.each(shapes)("%s", (_what, type, shape) => {
    expect(changes(type, shape)).toEqual([]);
  });
});

describe("what the real service changes shows as a difference after a refresh", () => {
  const shapes: readonly (readonly [string, TypeName, Shape, readonly string[]])[] = [
    ["TXT without quotes", "record", txt({ content: "v=DMARC1; p=reject" }), ["content"]],
    ["long TXT as one quoted string", "record", txt({ content: `"${long(256)}"` }), ["content"]],
    ["long TXT without quotes", "record", txt({ content: long(256) }), ["content"]],
    ["TXT cut below 255", "record", txt({ content: `"${long(254)}" "${long(3)}"` }), ["content"]],
    ["TXT cut above 255", "record", txt({ content: `"${long(256)}" "${long(3)}"` }), ["content"]],
    ["short TXT in two strings", "record", txt({ content: '"v=DMARC1; " "p=reject"' }), ["content"]],
    ["SRV without a priority of its own", "record", srv({ priority: undefined }), ["priority"]],
    ["SRV with two priorities", "record", srv({ priority: 5 }), ["priority"]],
    ["name in upper case", "record", txt({ name: `_DMARC.${DOMAIN}` }), ["name"]],
    ["name with trailing dot", "record", txt({ name: `_dmarc.${DOMAIN}.` }), ["name"]],
    ["CNAME target with trailing dot", "record", cname({ content: "target.example.net." }), ["content"]],
    ["MX target with trailing dot", "record", mx({ content: "feedback.example.net." }), ["content"]],
    [
      "SRV target with trailing dot",
      "record",
      srv({
        data: { priority: 0, weight: 1, port: 993, target: `imap.${DOMAIN}.` },
      }),
      ["data"],
    ],
    ["AAAA with leading zeros", "record", aaaa({ content: "2001:0db8:0:0:0:0:0:1" }), ["content"]],
    ["AAAA in upper case", "record", aaaa({ content: "2001:DB8::1" }), ["content"]],
    ["DNSSEC without a DS at the registrar", "dnssec", { zoneId, status: "active" }, ["status"]],
    ["catch-all without name", "catchAll", catchAll({ name: undefined }), ["name"]],
    ["catch-all that does not say whether it is enabled", "catchAll", catchAll({ enabled: undefined }), ["enabled"]],
    [
      "observability without a sampling rate",
      "script",
      {
        ...script({ scriptName: "other" }),
        observability: { enabled: true },
      },
      ["observability"],
    ],
    [
      "logs without all of their fields",
      "script",
      {
        ...script({ scriptName: "other" }),
        observability: { enabled: true, headSamplingRate: 1, logs: { enabled: true } },
      },
      ["observability"],
    ],
    ["notification without description", "notification", notification({ description: undefined }), ["description"]],
    [
      "Access policy without session duration",
      "policy",
      ({ tokenId }) => policy(tokenId, { sessionDuration: undefined }),
      ["sessionDuration"],
    ],
  ];

  it.each(shapes)("%s", (_what, type, shape, keys) => {
    expect(changes(type, shape)).toEqual(keys);
  });
});

describe("DNSSEC", () => {
  it("has no difference left once the registrar publishes the DS of the zone, and no other", () => {
    const world = emptyWorld();
    const inputs = { zoneId, status: "active" };
    const made = world.create(TYPE.dnssec, "dnssec", inputs);
    const zone = zoneOf(world);
    const ds = String(made.props["ds"]);
    expect(ds).toMatch(/^example\.org\. 3600 IN DS \d+ 13 2 [0-9a-f]{64}$/);
    const left = () => changedKeys(world.kind(TYPE.dnssec), inputs, world.read(TYPE.dnssec, made.id, inputs) ?? {});
    zone.dsAtRegistrar = ds.replace(/.$/, (digit) => (digit === "0" ? "1" : "0"));
    expect(left()).toEqual(["status"]);
    zone.dsAtRegistrar = ds;
    expect(left()).toEqual([]);
  });
});

describe("a tunnel without configSrc", () => {
  it("shows no difference and is local all the same", () => {
    const { world } = furnished();
    const inputs = tunnel({ name: "second", configSrc: undefined });
    expect(changedAfterRefresh(world, "tunnel", inputs)).toEqual([]);
    expect(world.find(TYPE.tunnel, (props) => props["name"] === "second")?.props).toMatchObject({ configSrc: "local" });
  });
});
