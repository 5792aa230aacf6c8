import { leftObjects, matchObjects } from "../../../ops/adopt/objects";
import { TYPE } from "../../../ops/adopt/types";
import { UNKNOWN } from "../../../ops/adopt/wanted";
import { matchRecords } from "../../../ops/adopt/records";
import { ACCOUNT, account, live, object, wanted, wantedRecord } from "./fixtures";

const tunnel = wanted(TYPE.tunnel, "tunnel", { accountId: ACCOUNT, name: "mail example.org", configSrc: "cloudflare" });
const rules = {
  ingresses: [{ hostname: "mail.example.org", service: "http://traefik:80" }, { service: "http_status:404" }],
};
const ingress = wanted(
  TYPE.ingress,
  "tunnel-ingress",
  { tunnelId: UNKNOWN, config: rules },
  { tunnelId: [tunnel.urn] },
);
const token = wanted(TYPE.serviceToken, "access-token", { name: "mail worker" });
const policy = wanted(
  TYPE.policy,
  "access-policy",
  { name: "mail worker", includes: [{ serviceToken: { tokenId: UNKNOWN } }] },
  { includes: [token.urn] },
);
const application = wanted(
  TYPE.application,
  "access-application",
  { domain: "inbound.example.org", policies: [{ id: UNKNOWN, precedence: 1 }] },
  { policies: [policy.urn] },
);
const ALL = [application, ingress, policy, token, tunnel];

const liveTunnel = (id: string, name: string, configSrc = "cloudflare") =>
  object(TYPE.tunnel, id, name, { name, configSrc });
const liveRules = (id: string, ...names: readonly string[]) =>
  object(TYPE.ingress, id, id, {
    tunnelId: id,
    config: {
      ingresses: [...names.map((hostname) => ({ hostname, service: "http://x" })), { service: "http_status:404" }],
    },
  });

function adoptedIds(...objects: Parameters<typeof account>[0]): string[] {
  return matchObjects(ALL, account(objects), new Map()).adopted.map(
    ({ wanted: { name }, importId }) => `${name} ${importId}`,
  );
}

test("a tunnel is known by its name, and then its rules belong to it", () => {
  expect(adoptedIds(liveTunnel("t1", "mail example.org"), liveRules("t1"), liveTunnel("t2", "other"))).toEqual([
    "tunnel a1/t1",
    "tunnel-ingress a1/t1",
  ]);
});

test("a tunnel of another name is adopted when it serves our names only", () => {
  expect(adoptedIds(liveTunnel("t1", "home"), liveRules("t1", "mail.example.org"))).toContain("tunnel a1/t1");
  expect(adoptedIds(liveTunnel("t1", "home"), liveRules("t1", "mail.example.org", "photos.example.org"))).toEqual([]);
  expect(adoptedIds(liveTunnel("t1", "home"), liveRules("t1"))).toEqual([]);
});

test.each([
  [
    "serves another name",
    liveTunnel("t1", "mail example.org"),
    liveRules("t1", "photos.example.org"),
    /photos\.example\.org/,
  ],
  ["has its rules in a file", liveTunnel("t1", "mail example.org", "local"), liveRules("t1"), /in a file/],
])("a tunnel of our name that %s is in the way", (_, found, itsRules, why) => {
  const { adopted, inTheWay } = matchObjects(ALL, account([found, itsRules]), new Map());
  expect({ adopted, inTheWay }).toMatchObject({ adopted: [], inTheWay: [{ why }] });
});

test("ids of what is adopted take the place of what is not known yet", () => {
  const objects = [
    object(TYPE.policy, "p1", "mail worker", { name: "mail worker", includes: [{ serviceToken: { tokenId: "old" } }] }),
    object(TYPE.application, "app1", "inbound.example.org", {
      domain: "inbound.example.org",
      type: "self_hosted",
      policies: [{ id: "p1", precedence: 1 }],
    }),
    object(TYPE.serviceToken, "old", "mail worker", { name: "mail worker" }),
    liveTunnel("t1", "mail example.org"),
  ];
  const { adopted, created, ids } = matchObjects(ALL, account(objects), new Map());
  const byName = new Map(adopted.map((each) => [each.wanted.name, each.differences]));
  expect(byName.get("access-application")).toEqual([]);
  expect(byName.get("access-policy")).toMatchObject([{ wanted: [{ serviceToken: { tokenId: "(known after up)" } }] }]);
  expect(created.find(({ wanted: { name } }) => name === "access-token")?.why).toMatch(/cannot be read back/);

  const cname = { ...wantedRecord("mail", "CNAME", { content: UNKNOWN }), dependsOn: { content: [tunnel.urn] } };
  const record = live("r1", "mail", "CNAME", "t1.cfargotunnel.com", { comment: "why" });
  expect(matchRecords([cname], [record], ids).adopted).toMatchObject([{ differences: [] }]);
});

test("a policy that guards somebody else's name too is left alone", () => {
  const objects = [
    object(TYPE.policy, "p1", "mail worker", { name: "mail worker" }),
    object(TYPE.application, "app9", "photos.example.org", { domain: "photos.example.org", policies: [{ id: "p1" }] }),
  ];
  const { adopted, created } = matchObjects(ALL, account(objects), new Map());
  expect(adopted).toEqual([]);
  expect(created.find(({ wanted: { name } }) => name === "access-policy")?.why).toMatch(/photos\.example\.org/);
});

test.each([
  ["another type", { type: "ssh" }, /of the type ssh/],
  ["further names", { type: "self_hosted", names: ["inbound.example.org", "photos.example.org"] }, /photos/],
])("an application of our name with %s is in the way", (_, props, why) => {
  const found = object(TYPE.application, "app1", "inbound.example.org", { domain: "inbound.example.org", ...props });
  expect(matchObjects(ALL, account([found]), new Map())).toMatchObject({ adopted: [], inTheWay: [{ why }] });
});

test("what the state has is not matched again, and others' things are named or counted", () => {
  const known = new Map([["urn:other", { type: TYPE.tunnel, id: "t1" }]]);
  const objects = [
    liveTunnel("t1", "mail example.org"),
    object(TYPE.route, "r1", "photos.example.org/*", { pattern: "photos.example.org/*" }),
    object(TYPE.script, "shop", "shop", { scriptName: "shop" }),
    object(TYPE.script, "blog", "blog", { scriptName: "blog" }),
  ];
  const all = account(objects, { rules: [{ label: "me@example.org -> forward x", enabled: true }] });
  expect(matchObjects(ALL, all, known).adopted).toEqual([]);
  expect(leftObjects(all, known)).toEqual([
    {
      label: "Email Routing rule me@example.org -> forward x",
      id: "",
      why: expect.stringMatching(/before the catch-all/) as unknown,
    },
    { label: "WorkersRoute photos.example.org/*", id: "r1" },
    { label: "2 further: WorkersScript", id: "", why: expect.any(String) as unknown },
  ]);
});
