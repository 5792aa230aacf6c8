import { KINDS } from "../../../sandbox/cloud/kinds";
import { changedKeys, World } from "../../../sandbox/cloud/world";
import {
  accountId,
  AWS,
  catchAll,
  cname,
  accountToken,
  command,
  cron,
  DOMAIN,
  furnished,
  ingress,
  lifecycle,
  mx,
  r2,
  refusalOf,
  script,
  srv,
  tunnel,
  txt,
  TYPE,
  zoneId,
  zoneOf,
} from "./cloud";

it("knows exactly the types that these tests know", () => {
  expect(Object.keys(KINDS).sort()).toEqual([...Object.values(TYPE), ...Object.values(AWS)].sort());
});

describe("what is deleted", () => {
  it("is gone for a read, and can be made again", () => {
    const { world } = furnished();
    const made = world.create(TYPE.record, "it", txt());
    world.delete(TYPE.record, "it", made.id, made.props);
    expect(world.read(TYPE.record, made.id, made.props)).toBeUndefined();
    expect(zoneOf(world).records).toEqual([]);
    expect(refusalOf(() => world.create(TYPE.record, "it", txt()))).toBeUndefined();
  });

  it("stays when it is a catch-all: it goes on naming the Worker", () => {
    const { world } = furnished();
    const made = world.create(TYPE.catchAll, "it", catchAll());
    world.delete(TYPE.catchAll, "it", made.id, made.props);
    expect(world.read(TYPE.catchAll, made.id, {})).toMatchObject({ actions: [{ values: ["mail-in"] }] });
  });

  it("stays when it is a tunnel's configuration, and vanishes with the tunnel", () => {
    const { world, tunnelId } = furnished();
    const made = world.create(TYPE.ingress, "it", ingress(tunnelId));
    world.delete(TYPE.ingress, "it", made.id, made.props);
    expect(world.all(TYPE.ingress)).toHaveLength(1);
    world.delete(TYPE.tunnel, "tunnel", tunnelId, {});
    expect(world.all(TYPE.ingress)).toEqual([]);
  });

  it("takes Email Routing's records along and no others", () => {
    const { world } = furnished();
    world.create(TYPE.record, "it", mx());
    const made = world.create(TYPE.routingDns, "it", { zoneId });
    expect(
      zoneOf(world)
        .records.filter(({ locked }) => locked)
        .map(({ type }) => type),
    ).toEqual(["MX", "MX", "MX", "TXT", "TXT"]);
    world.delete(TYPE.routingDns, "it", made.id, made.props);
    expect(zoneOf(world).records.map(({ name }) => name)).toEqual([`send.${DOMAIN}`]);
    expect(zoneOf(world).emailRouting).toBe(false);
  });

  it("switches Email Routing off with its settings", () => {
    const { world } = furnished();
    const made = world.create(TYPE.routing, "it", { zoneId });
    expect(zoneOf(world).emailRouting).toBe(true);
    world.delete(TYPE.routing, "it", made.id, made.props);
    expect(zoneOf(world).emailRouting).toBe(false);
  });
});

describe("R2", () => {
  it("keeps a bucket as long as a message lies in it", () => {
    const { world } = furnished();
    let empty = false;
    world.buckets = { ...world.buckets, isEmpty: () => empty };
    const remove = () => world.delete(TYPE.r2, "r2", "mail-spool", r2());
    expect(refusalOf(remove)).toMatchObject({ code: 10008, text: expect.stringContaining("not empty") as string });
    expect(world.all(TYPE.r2)).toHaveLength(1);
    empty = true;
    expect(refusalOf(remove)).toBeUndefined();
    expect(world.all(TYPE.r2)).toEqual([]);
  });

  it("knows no delete of a lifecycle: it vanishes with its bucket", () => {
    const { world } = furnished();
    const made = world.create(TYPE.lifecycle, "it", lifecycle());
    expect(made.id).toBe("missing ID");
    world.delete(TYPE.lifecycle, "it", made.id, made.props);
    expect(world.all(TYPE.lifecycle)).toHaveLength(1);
    world.delete(TYPE.r2, "r2", "mail-spool", r2());
    expect(world.all(TYPE.lifecycle)).toEqual([]);
  });

  it("answers for an account that has not subscribed", () => {
    const world = new World({ accountId, apiToken: "token", zones: [], r2Enabled: false });
    expect(refusalOf(() => world.create(TYPE.r2, "r2", r2()))).toMatchObject({
      code: 10042,
      text: expect.stringContaining("Please enable R2 through the Cloudflare Dashboard.") as string,
    });
  });

  it("keeps the lifecycles of two buckets apart, which share the provider's id", () => {
    const { world } = furnished();
    world.create(TYPE.r2, "second", r2({ name: "second" }));
    const second = lifecycle({ bucketName: "second", rules: [] });
    for (const inputs of [lifecycle(), second]) world.create(TYPE.lifecycle, "it", inputs);
    expect(world.read(TYPE.lifecycle, "missing ID", second)).toMatchObject({ rules: [] });
  });
});

describe("a cron trigger", () => {
  it("stays when it is deleted, and vanishes with its script", () => {
    const { world } = furnished();
    const made = world.create(TYPE.cron, "it", cron("*/5 * * * *"));
    world.delete(TYPE.cron, "it", made.id, made.props);
    expect(world.read(TYPE.cron, made.id, {})).toMatchObject({ schedules: [{ cron: "*/5 * * * *" }] });
    world.delete(TYPE.script, "script", "mail-in", {});
    expect(world.all(TYPE.cron)).toEqual([]);
  });
});

describe("Email Routing's DNS", () => {
  it("replaces an SPF of the domain that was there: a read of it finds nothing", () => {
    const { world } = furnished();
    const mine = world.create(TYPE.record, "it", txt({ name: DOMAIN, content: '"v=spf1 -all"' }));
    world.create(TYPE.routingDns, "it", { zoneId });
    expect(world.read(TYPE.record, mine.id, mine.props)).toBeUndefined();
  });

  it("leaves two SPF records when one is made afterwards", () => {
    const { world } = furnished();
    world.create(TYPE.routingDns, "it", { zoneId });
    world.create(TYPE.record, "it", txt({ name: DOMAIN, content: '"v=spf1 -all"' }));
    expect(zoneOf(world).records.filter(({ content }) => content.startsWith('"v=spf1'))).toHaveLength(2);
  });

  it("is unlocked by any update", () => {
    const { world } = furnished();
    const made = world.create(TYPE.routingDns, "it", { zoneId });
    const locked = world.snapshot();
    world.update(TYPE.routingDns, "it", made.id, { zoneId });
    expect(zoneOf(world).records.some((record) => record.locked)).toBe(false);
    expect(world.snapshot()).not.toBe(locked);
  });
});

describe("replacement", () => {
  it.each([
    [TYPE.tunnel, tunnel(), tunnel({ configSrc: "local" }), ["configSrc"]],
    [TYPE.tunnel, tunnel(), tunnel({ name: "other" }), []],
    [TYPE.record, txt(), cname({ name: `_dmarc.${DOMAIN}` }), ["type"]],
    [TYPE.record, txt(), txt({ content: '"other"' }), []],
    [TYPE.script, script(), script({ scriptName: "other" }), ["scriptName"]],
    [TYPE.script, script(), script({ content: "export default 1;" }), []],
    [TYPE.r2, r2(), r2({ name: "other" }), ["name"]],
    [TYPE.r2, r2(), r2({ storageClass: "InfrequentAccess" }), []],
    [TYPE.lifecycle, lifecycle(), lifecycle({ rules: [] }), []],
    [TYPE.cron, cron("0 * * * *"), cron("*/5 * * * *"), []],
    [TYPE.tailnetKey, { description: "a" }, { description: "b" }, ["description"]],
    [TYPE.accountToken, accountToken(), accountToken({ name: "other" }), []],
    [TYPE.command, command(), command({ stdin: "false" }), []],
    [TYPE.command, command(), command({ triggers: [1] }), ["triggers"]],
  ])("%s is made anew only where the provider does so", (type, before, after, keys) => {
    const kind = KINDS[type];
    if (kind === undefined) throw new Error(`no model of ${type}`);
    const changed = changedKeys(kind, after, before);
    expect(changed).not.toEqual([]);
    expect(changed.filter((key) => kind.replaceOn.includes(key))).toEqual(keys);
  });
});

describe("ids", () => {
  it("are the zone's for what a zone has once, and the account's for a script's address", () => {
    const { world } = furnished();
    expect(world.create(TYPE.routing, "it", { zoneId }).id).toBe(zoneId);
    expect(world.create(TYPE.routingDns, "it", { zoneId }).id).toBe(zoneId);
    expect(world.create(TYPE.catchAll, "it", catchAll()).id).toBe(zoneId);
    expect(world.create(TYPE.dnssec, "it", { zoneId, status: "active" }).id).toBe(zoneId);
    const off = { accountId, scriptName: "mail-in", enabled: false };
    expect(world.create(TYPE.subdomain, "it", off).id).toBe(accountId);
  });

  it("keep apart the addresses of two scripts, which share theirs", () => {
    const { world } = furnished();
    world.create(TYPE.script, "second", script({ scriptName: "second" }));
    const first = { accountId, scriptName: "mail-in", enabled: false };
    const second = { accountId, scriptName: "second", enabled: true };
    for (const inputs of [first, second]) world.create(TYPE.subdomain, "it", inputs);
    expect(world.read(TYPE.subdomain, accountId, first)).toMatchObject({ enabled: false });
    world.delete(TYPE.subdomain, "it", accountId, first);
    expect(world.read(TYPE.subdomain, accountId, second)).toMatchObject({ enabled: true });
  });

  it("are those of Cloudflare's form: a tunnel's is a UUID, a record's 32 digits", () => {
    const { world, tunnelId } = furnished();
    expect(tunnelId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(world.create(TYPE.record, "it", srv()).id).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe("a failure on request", () => {
  it("happens once and leaves no trace", () => {
    const { world } = furnished();
    const before = world.snapshot();
    const calls = world.calls.length;
    world.failOnce(TYPE.record);
    expect(refusalOf(() => world.create(TYPE.record, "it", txt()))?.text).toContain(`told to fail one ${TYPE.record}`);
    expect(world.snapshot()).toBe(before);
    expect(world.calls).toHaveLength(calls);
    expect(refusalOf(() => world.create(TYPE.record, "it", txt()))).toBeUndefined();
  });

  it("happens in an update as well, and to no other type", () => {
    const { world } = furnished();
    const made = world.create(TYPE.record, "it", txt());
    world.failOnce(TYPE.record);
    expect(refusalOf(() => world.create(TYPE.tunnel, "it", tunnel({ name: "b" })))).toBeUndefined();
    const changed = txt({ content: '"changed"' });
    const before = world.snapshot();
    expect(refusalOf(() => world.update(TYPE.record, "it", made.id, changed))?.text).toContain("told to fail");
    expect(world.snapshot()).toBe(before);
    expect(refusalOf(() => world.update(TYPE.record, "it", made.id, changed))).toBeUndefined();
  });
});
