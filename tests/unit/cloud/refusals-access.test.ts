import { accountId, application, ingress, notification, policy, tokenFor, tunnel, zoneId } from "./cloud";
import { catchAllRule, eachRefused, rule, rules } from "./refusals";

describe("the model refuses of a tunnel", () => {
  eachRefused([
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
  ]);
});

describe("the model refuses of Access", () => {
  eachRefused([
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
  ]);
});

describe("the model refuses of the rest", () => {
  eachRefused([
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
    [
      "a tag without its prefix",
      [],
      ["tailnetKey", { tags: ["mail"] }],
      undefined,
      "requested tags [mail] are invalid",
    ],
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
  ]);
});
