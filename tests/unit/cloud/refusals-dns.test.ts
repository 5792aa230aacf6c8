import type { Props } from "../../../sandbox/cloud/props";
import type { Zone } from "../../../sandbox/cloud/zone";
import {
  aaaa,
  caa,
  catchAll,
  cname,
  DOMAIN,
  emptyWorld,
  mx,
  refusalOf,
  srv,
  txt,
  TYPE,
  type TypeName,
  zoneId,
} from "./cloud";
import { eachRefused } from "./refusals";

describe("the model refuses in DNS", () => {
  eachRefused([
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
      "a CNAME that is not proxied beside a TXT",
      [["record", txt()]],
      ["record", cname({ name: `_dmarc.${DOMAIN}`, proxied: false, ttl: 300 })],
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
      "a TXT beside a CNAME that is not proxied",
      [["record", cname({ proxied: false, ttl: 300 })]],
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
    [
      "an A beside a CNAME at the apex",
      [["record", cname({ name: DOMAIN })]],
      ["record", aaaa({ name: DOMAIN, type: "A", content: "192.0.2.1" })],
      81054,
      "A CNAME record",
    ],
    [
      "a CNAME beside an AAAA at the apex",
      [["record", aaaa({ name: DOMAIN })]],
      ["record", cname({ name: DOMAIN })],
      81053,
      "An A, AAAA, or CNAME record",
    ],
    [
      "an MX while Email Routing is on",
      [["routing", { zoneId }]],
      ["record", mx()],
      890190,
      "managed by Email Routing",
    ],
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
  ]);
});

describe("the model takes a CNAME that Cloudflare flattens beside other types", () => {
  it.each([
    ["at the apex", { name: DOMAIN, proxied: false, ttl: 300 }],
    ["proxied, below the apex", { name: `www.${DOMAIN}` }],
  ])("%s, whichever comes first", (_, changes) => {
    const alias = cname(changes);
    const others = [txt({ name: changes.name }), caa({ name: changes.name }), mx({ name: changes.name })];
    for (const order of [
      [alias, ...others],
      [...others, alias],
    ]) {
      const world = emptyWorld();
      for (const inputs of order) world.create(TYPE.record, "it", inputs);
      expect(world.zones[0]?.records).toHaveLength(order.length);
    }
  });

  test("Email Routing is switched on in a zone whose website is a CNAME at the apex", () => {
    const world = emptyWorld();
    world.create(TYPE.record, "website", cname({ name: DOMAIN }));
    world.create(TYPE.routing, "routing", { zoneId });
    world.create(TYPE.routingDns, "dns", { zoneId });
    expect(world.zones[0]?.records.filter(({ name }) => name === DOMAIN).map(({ type }) => type)).toEqual([
      ...["CNAME", "MX", "MX", "MX", "TXT"],
    ]);
  });
});

describe("the model refuses in a zone that Cloudflare does not answer for", () => {
  it.each<[string, Partial<Zone>, TypeName, Props]>([
    ["Email Routing in a partial zone", { type: "partial" }, "routing", { zoneId }],
    ["its DNS in a partial zone", { type: "partial" }, "routingDns", { zoneId }],
    ["Email Routing in a secondary zone", { type: "secondary" }, "routing", { zoneId }],
    ["Email Routing in a moved zone", { status: "moved" }, "routing", { zoneId }],
    ["a record in a secondary zone", { type: "secondary" }, "record", txt()],
  ])("%s", (_, state, type, inputs) => {
    const world = emptyWorld();
    Object.assign(world.zones[0] ?? {}, state);
    expect(refusalOf(() => world.create(TYPE[type], "it", inputs))?.text).toMatch(/authoritative|secondary zone/);
  });
});

describe("the model refuses in Email Routing", () => {
  eachRefused([
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
  ]);
});
