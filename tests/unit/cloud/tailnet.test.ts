import { emptyWorld, refusalOf, TYPE } from "./cloud";

it("split DNS changes its own domain and nobody else's", () => {
  const world = emptyWorld();
  world.tailnet.splitDns.set("corp.example", ["10.0.0.1"]);
  const made = world.create(TYPE.splitDns, "it", { domain: "mail.example.org", nameservers: ["100.64.0.1"] });
  world.update(TYPE.splitDns, "it", made.id, { domain: "mail.example.org", nameservers: ["100.64.0.2"] });
  expect([...world.tailnet.splitDns]).toEqual([
    ["corp.example", ["10.0.0.1"]],
    ["mail.example.org", ["100.64.0.2"]],
  ]);
  world.delete(TYPE.splitDns, "it", made.id, made.props);
  expect([...world.tailnet.splitDns.keys()]).toEqual(["corp.example"]);
});

it("a key joins one machine, and a second machine of a name gets a name of its own", () => {
  const world = emptyWorld();
  const key = (number: number) =>
    String(world.create(TYPE.tailnetKey, "it", { description: `key ${number}`, tags: ["tag:mail"] }).props["key"]);
  const first = key(1);
  expect(world.tailnet.join(first, "mail")).toMatchObject({ name: "mail.tail1234.ts.net", tags: ["tag:mail"] });
  expect(refusalOf(() => world.tailnet.join(first, "mail"))?.text).toContain("invalid key");
  expect(world.tailnet.join(key(2), "mail")).toMatchObject({ name: "mail-1.tail1234.ts.net" });
});
