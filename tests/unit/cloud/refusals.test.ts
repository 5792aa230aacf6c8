import { catchAll, cname, DOMAIN, furnished, mx, policy, refusalOf, shaped, tunnel, txt, TYPE, zoneId } from "./cloud";
import { catchAllRule, make, rule, rules, type Step } from "./refusals";

describe("the model refuses", () => {
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
      ["record", cname({ proxied: false, ttl: 300 })],
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
    const inputs = shaped(made, shape);
    const { id } = made.world.create(TYPE[type], "it", inputs);
    const untouched = made.world.snapshot();
    const changed = shaped(made, change);
    expect(refusalOf(() => made.world.update(TYPE[type], "it", id, changed))?.code).toBe(code);
    expect(made.world.snapshot()).toBe(untouched);
  });

  it("and takes an update that changes nothing", () => {
    const { world } = furnished();
    const made = world.create(TYPE.record, "it", txt());
    expect(refusalOf(() => world.update(TYPE.record, "it", made.id, txt()))).toBeUndefined();
  });
});
