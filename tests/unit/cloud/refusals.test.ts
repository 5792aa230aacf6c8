import type { Props } from "../../../sandbox/cloud/props";
import {
  aaaa,
  accountId,
  application,
  caa,
  catchAll,
  cname,
  cron,
  DOMAIN,
  type Furnished,
  furnished,
  ingress,
  lifecycle,
  mx,
  notification,
  policy,
  r2,
  refusalOf,
  script,
  srv,
  tokenFor,
  tunnel,
  txt,
  TYPE,
  type TypeName,
  zoneId,
} from "./cloud";

type Step = readonly [TypeName, Props | ((made: Furnished) => Props)];

function make(made: Furnished, [type, shape]: Step): void {
  made.world.create(TYPE[type], "it", typeof shape === "function" ? shape(made) : shape);
}

/** What stands already, what is asked for, the service's code (undefined: the provider's own) and words of its answer. */
type Row = readonly [string, readonly Step[], Step, number | undefined, string];

const catchAllRule = { service: "http_status:404" };
const rule = (changes: Props): Props => ({ hostname: `mail.${DOMAIN}`, service: "https://traefik:443", ...changes });
const rules =
  (...list: readonly Props[]) =>
  ({ tunnelId }: Furnished): Props =>
    ingress(tunnelId, list);

const rows: readonly Row[] = [
  // DNS
  ["the same record twice", [["record", txt()]], ["record", txt()], 81058, "An identical record already exists."],
  [
    "the same text in other pieces",
    [["record", txt()]],
    ["record", txt({ content: "v=DMARC1; p=reject" })],
    81058,
    "identical",
  ],
  ["the same SRV twice", [["record", srv()]], ["record", srv()], 81058, "identical"],
  [
    "the same name in another case",
    [["record", txt()]],
    ["record", txt({ name: `_DMARC.${DOMAIN}.` })],
    81058,
    "identical",
  ],
  [
    "a CNAME beside a TXT",
    [["record", txt()]],
    ["record", cname({ name: `_dmarc.${DOMAIN}` })],
    81053,
    "with that host already exists",
  ],
  [
    "a second CNAME",
    [["record", cname()]],
    ["record", cname({ content: "other.example.net" })],
    81053,
    "with that host",
  ],
  [
    "a TXT beside a CNAME",
    [["record", cname()]],
    ["record", txt({ name: `www.${DOMAIN}` })],
    81054,
    "A CNAME record with that host",
  ],
  [
    "an AAAA beside a CNAME",
    [["record", cname()]],
    ["record", aaaa({ name: `www.${DOMAIN}` })],
    81054,
    "A CNAME record",
  ],
  ["an MX while Email Routing is on", [["routing", { zoneId }]], ["record", mx()], 890190, "managed by Email Routing"],
  [
    "an MX once Email Routing's DNS is there",
    [["routingDns", { zoneId }]],
    ["record", mx({ name: DOMAIN })],
    890190,
    "managed by Email Routing",
  ],
  [
    "proxied with a ttl of its own",
    [],
    ["record", cname({ ttl: 300 })],
    undefined,
    "ttl must be set to 1 when `proxied` is true",
  ],
  [
    "content and data",
    [],
    ["record", srv({ content: "x" })],
    undefined,
    `Attribute \\"content\\" cannot be specified when \\"data\\" is specified`,
  ],
  ["a proxied TXT", [], ["record", txt({ proxied: true, ttl: 1 })], 9004, "cannot be proxied"],
  ["a name of another zone", [], ["record", txt({ name: "_dmarc.example.net" })], 9000, "not in example.org"],
  ["a zone of another account", [], ["record", txt({ zoneId: "0".repeat(32) })], 7003, "Could not route to /zones/"],
  [
    "a zone's name in place of its id",
    [],
    ["record", txt({ zoneId: DOMAIN })],
    7003,
    "Could not route to /zones/example.org",
  ],
  ["an AAAA that is no IPv6", [], ["record", aaaa({ content: "192.0.2.1" })], 9005, "AAAA"],
  ["an A that is no IPv4", [], ["record", aaaa({ type: "A", content: "2001:db8::1" })], 9005, "Content for A"],
  ["a record type without a model", [], ["record", txt({ type: "SPF" })], 9005, "SPF"],
  ["a TXT without content", [], ["record", txt({ content: undefined })], 9005, "TXT"],
  ["a comment of 101 characters", [], ["record", caa({ comment: "c".repeat(101) })], 9208, "100 characters"],
  // Email Routing
  [
    "EmailRoutingDns that names the apex",
    [],
    ["routingDns", { zoneId, name: DOMAIN }],
    2007,
    "must be a subdomains of example.org",
  ],
  [
    "EmailRoutingDns beside another mail service's MX",
    [["record", mx({ name: DOMAIN })]],
    ["routingDns", { zoneId }],
    undefined,
    "MX records of another mail service",
  ],
  [
    "a catch-all to a missing Worker",
    [],
    ["catchAll", catchAll({ actions: [{ type: "worker", values: ["nobody"] }] })],
    2019,
    "Worker nobody does not exist",
  ],
  ["a catch-all to no Worker", [], ["catchAll", catchAll({ actions: [{ type: "worker" }] })], 2019, "does not exist"],
  ["a catch-all of one address", [], ["catchAll", catchAll({ matchers: [{ type: "literal" }] })], 2016, "matcher"],
  [
    "a catch-all with two matchers",
    [],
    ["catchAll", catchAll({ matchers: [{ type: "all" }, { type: "all" }] })],
    2016,
    "matcher",
  ],
  ["a catch-all without matcher", [], ["catchAll", catchAll({ matchers: [] })], 2016, "matcher"],
  ["a catch-all without action", [], ["catchAll", catchAll({ actions: [] })], 2015, "action"],
  [
    "a catch-all with an invented action",
    [],
    ["catchAll", catchAll({ actions: [{ type: "bounce" }] })],
    2015,
    "action",
  ],
  // Workers
  [
    "a binding of an unknown type",
    [],
    ["script", script({ bindings: [{ type: "secretText", name: "A", text: "" }] })],
    undefined,
    "bindings[0].type value must be one of",
  ],
  [
    "a binding without type",
    [],
    ["script", script({ bindings: [{ name: "A", text: "" }] })],
    undefined,
    "bindings[0].type",
  ],
  [
    "two bindings of one name",
    [],
    [
      "script",
      script({
        bindings: [
          { type: "plain_text", name: "A" },
          { type: "secret_text", name: "A" },
        ],
      }),
    ],
    10021,
    "'A' already in use",
  ],
  [
    "a bucket that does not exist",
    [],
    ["script", script({ bindings: [{ type: "r2_bucket", name: "A", bucketName: "nope" }] })],
    10085,
    "R2 bucket 'nope' not found",
  ],
  ["a bucket of R2 twice", [], ["r2", r2()], 10004, "already exists, and you own it"],
  ["a bucket of R2 with a dot", [], ["r2", r2({ name: "mail.spool" })], 10005, "name is not valid"],
  ["a bucket of R2 with two letters", [], ["r2", r2({ name: "ab" })], 10005, "name is not valid"],
  ["a bucket of R2 with 64 letters", [], ["r2", r2({ name: "a".repeat(64) })], 10005, "name is not valid"],
  ["a lifecycle of no bucket", [], ["lifecycle", lifecycle({ bucketName: "nope" })], 10006, "does not exist"],
  [
    "a lifecycle rule that does nothing",
    [],
    ["lifecycle", lifecycle({ rules: [{ id: "a", enabled: true, conditions: { prefix: "" } }] })],
    10040,
    "not valid",
  ],
  [
    "a lifecycle rule of an invented kind",
    [],
    [
      "lifecycle",
      lifecycle({
        rules: [
          {
            id: "a",
            enabled: true,
            conditions: { prefix: "" },
            deleteObjectsTransition: { condition: { type: "age", maxAge: 1 } },
          },
        ],
      }),
    ],
    undefined,
    "condition type value must be one of",
  ],
  [
    "a cron trigger of no script",
    [],
    ["cron", { ...cron("*/5 * * * *"), scriptName: "nobody" }],
    10007,
    "nobody does not exist",
  ],
  ["a cron trigger of four fields", [], ["cron", cron("*/5 * * *")], undefined, "invalid cron string"],
  ["placement", [], ["script", script({ placement: { mode: "smart" } })], 10001, "metadata"],
  ["a script without main module", [], ["script", script({ mainModule: undefined })], 10021, "main module"],
  ["a script with a syntax error", [], ["script", script({ content: "export default {" })], 10021, "SyntaxError"],
  [
    "a script without handlers",
    [],
    ["script", script({ content: "let a = 1;" })],
    10068,
    "no registered event handlers",
  ],
  ["a script's name in upper case", [], ["script", script({ scriptName: "Mail In" })], 10016, "Invalid Worker name"],
  [
    "a script of another account",
    [],
    ["script", script({ accountId: "0".repeat(32) })],
    7003,
    "Could not route to /accounts",
  ],
  [
    "an address of a missing script",
    [],
    ["subdomain", { accountId, scriptName: "nobody", enabled: false }],
    10007,
    "Worker nobody does not exist",
  ],
  [
    "a route to a missing script",
    [],
    ["route", { zoneId, pattern: `a.${DOMAIN}/*`, script: "nobody" }],
    10007,
    "Worker nobody does not exist",
  ],
  [
    "a route of another zone",
    [],
    ["route", { zoneId, pattern: "a.example.net/*", script: "mail-in" }],
    10022,
    "not in the zone",
  ],
  [
    "a route's pattern twice",
    [["route", { zoneId, pattern: `a.${DOMAIN}/*`, script: "mail-in" }]],
    ["route", { zoneId, pattern: `a.${DOMAIN}/*`, script: "mail-in" }],
    10020,
    "same pattern",
  ],
  // Tunnel
  ["a tunnel's name twice", [], ["tunnel", tunnel()], 1013, "already have a tunnel with this name"],
  ["ingress of a tunnel that is not there", [], ["ingress", ingress("nobody")], 1003, "Tunnel nobody not found"],
  ["ingress without rules", [], ["ingress", rules()], 1056, "no ingress rules"],
  [
    "ingress whose last rule has a hostname",
    [],
    ["ingress", rules(rule({}))],
    1056,
    "last ingress rule must match all URLs",
  ],
  [
    "ingress whose last rule has a path",
    [],
    ["ingress", rules(rule({}), { ...catchAllRule, path: "x" })],
    1056,
    "last ingress rule",
  ],
  [
    "ingress with a rule for all in the middle",
    [],
    ["ingress", rules(catchAllRule, rule({}), catchAllRule)],
    1056,
    "Rule #1 is matching all URLs",
  ],
  [
    "a service with a path",
    [],
    ["ingress", rules(rule({ service: "https://traefik:443/jmap" }), catchAllRule)],
    1056,
    "proxying to a different path",
  ],
  [
    "a service without scheme",
    [],
    ["ingress", rules(rule({ service: "traefik" }), catchAllRule)],
    1056,
    "scheme and a hostname",
  ],
  [
    "a hostname with a port",
    [],
    ["ingress", rules(rule({ hostname: "a.example.org:443" }), catchAllRule)],
    1056,
    "hostname with a port",
  ],
  [
    "a wildcard in the middle",
    [],
    ["ingress", rules(rule({ hostname: "a.*.example.org" }), catchAllRule)],
    1056,
    "wildcard",
  ],
  // Access
  ["a policy with an unknown token", [], ["policy", policy("nobody")], 12130, "service token does not exist"],
  ["a policy that includes nobody", [], ["policy", policy("", { includes: [] })], 12130, "needs an include rule"],
  [
    "an invented decision",
    [],
    ["policy", ({ tokenId }) => policy(tokenId, { decision: "nonIdentity" })],
    undefined,
    "decision value must be one of",
  ],
  ["an application with an unknown policy", [], ["application", application("nobody")], 12130, "policy not found"],
  [
    "an application's domain twice",
    [["application", ({ policyId }) => application(policyId)]],
    ["application", ({ policyId }) => application(policyId, { name: "b" })],
    11010,
    "application_already_exists",
  ],
  [
    "an application outside the account's zones",
    [],
    ["application", ({ policyId }) => application(policyId, { domain: "a.example.net" })],
    12130,
    "does not belong to zone",
  ],
  [
    "an application of another type",
    [],
    ["application", ({ policyId }) => application(policyId, { type: "selfHosted" })],
    undefined,
    "self_hosted",
  ],
  [
    "a rotated token without an end of its old secret",
    [],
    ["token", { accountId, name: "t", clientSecretVersion: 2 }],
    undefined,
    "previous_client_secret_expires_at",
  ],
  // The rest
  [
    "DNSSEC that is told to be pending",
    [],
    ["dnssec", { zoneId, status: "pending" }],
    undefined,
    `status value must be one of: [\\"active\\" \\"disabled\\"], got: \\"pending\\"`,
  ],
  [
    "an alert to nobody",
    [],
    ["notification", notification({ mechanisms: { emails: [] } })],
    17003,
    "at least one mechanism",
  ],
  ["a bucket's name in upper case", [], ["bucket", { bucket: "Mail" }], undefined, "InvalidBucketName"],
  [
    "a bucket's name twice",
    [["bucket", { bucket: "mail-backup" }]],
    ["bucket", { bucket: "mail-backup" }],
    undefined,
    "BucketAlreadyOwnedByYou",
  ],
  ["a tag without an owner", [], ["tailnetKey", { tags: ["tag:web"] }], undefined, "requested tags [tag:web]"],
  ["a policy file that somebody wrote", [], ["acl", { acl: "{}" }], undefined, "Import the ACL first"],
  [
    "a resolver that is no address",
    [],
    ["splitDns", { domain: "mail.example.org", nameservers: ["mail"] }],
    undefined,
    "invalid nameserver mail",
  ],
  ["a tag without its prefix", [], ["tailnetKey", { tags: ["mail"] }], undefined, "requested tags [mail] are invalid"],
  [
    "a tailnet key's description of 51 characters",
    [],
    ["tailnetKey", { description: "d".repeat(51) }],
    undefined,
    "longer than 50",
  ],
  [
    "a token for all zones",
    [],
    ["accountToken", tokenFor({ resources: '{"com.cloudflare.api.account.zone.*":"*"}' })],
    1001,
    "tokens for one zone",
  ],
  [
    "a token for a zone of somebody else's",
    [],
    ["accountToken", tokenFor({ resources: `{"com.cloudflare.api.account.zone.${"0".repeat(32)}":"*"}` })],
    7003,
    "Could not route",
  ],
  [
    "a token with a permission that nobody knows",
    [],
    ["accountToken", tokenFor({ permissionGroups: [{ id: "DNS Write" }] })],
    1001,
    "permission group DNS Write",
  ],
];

describe("the model refuses", () => {
  it.each(rows)("%s", (_what, before, asked, code, text) => {
    const made = furnished();
    for (const step of before) make(made, step);
    const untouched = made.world.snapshot();
    const refusal = refusalOf(() => make(made, asked));
    expect(refusal?.text).toContain(text);
    expect(refusal?.code).toBe(code);
    expect(made.world.snapshot()).toBe(untouched);
  });

  it("resource types and functions that it does not know", () => {
    const { world } = furnished();
    const text = refusalOf(() => world.create("cloudflare:index/queue:Queue", "it", {}))?.text;
    expect(text).toContain("the sandbox has no model of cloudflare:index/queue:Queue");
  });

  it("an update of what is not there", () => {
    const { world } = furnished();
    expect(refusalOf(() => world.update(TYPE.route, "it", "nobody", {}))?.text).toContain("nobody not found");
  });
});

describe("the model refuses in an update as in a create", () => {
  const updates: readonly (readonly [string, Step, Step, Step[1], number])[] = [
    ["a record that becomes another's twin", ["record", txt()], ["record", txt({ content: '"b"' })], txt(), 81058],
    [
      "a record that moves beside a CNAME",
      ["record", cname()],
      ["record", txt()],
      txt({ name: `www.${DOMAIN}` }),
      81054,
    ],
    ["an MX while Email Routing is on", ["routing", { zoneId }], ["record", txt()], mx(), 890190],
    [
      "a route that takes another's pattern",
      ["route", { zoneId, pattern: `a.${DOMAIN}/*`, script: "mail-in" }],
      ["route", { zoneId, pattern: `b.${DOMAIN}/*`, script: "mail-in" }],
      { zoneId, pattern: `a.${DOMAIN}/*`, script: "mail-in" },
      10020,
    ],
    ["ingress without a last rule", ["routing", { zoneId }], ["ingress", rules(catchAllRule)], rules(rule({})), 1056],
    [
      "a catch-all to a missing Worker",
      ["routing", { zoneId }],
      ["catchAll", catchAll()],
      catchAll({ actions: [{ type: "worker", values: ["nobody"] }] }),
      2019,
    ],
    [
      "a policy with an unknown token",
      ["routing", { zoneId }],
      ["policy", ({ tokenId }) => policy(tokenId)],
      policy("nobody"),
      12130,
    ],
    [
      "a tunnel that takes another's name",
      ["tunnel", tunnel({ name: "b" })],
      ["tunnel", tunnel({ name: "c" })],
      tunnel({ name: "b" }),
      1013,
    ],
  ];

  it.each(updates)("%s", (_what, first, second, change, code) => {
    const made = furnished();
    make(made, first);
    const [type, shape] = second;
    const inputs = typeof shape === "function" ? shape(made) : shape;
    const { id } = made.world.create(TYPE[type], "it", inputs);
    const untouched = made.world.snapshot();
    const changed = typeof change === "function" ? change(made) : change;
    expect(refusalOf(() => made.world.update(TYPE[type], "it", id, changed))?.code).toBe(code);
    expect(made.world.snapshot()).toBe(untouched);
  });

  it("and takes an update that changes nothing", () => {
    const { world } = furnished();
    const made = world.create(TYPE.record, "it", txt());
    expect(refusalOf(() => world.update(TYPE.record, "it", made.id, txt()))).toBeUndefined();
  });
});
