import {
  accountId,
  application,
  cname,
  DOMAIN,
  emptyWorld,
  furnished,
  ingress,
  policy,
  script,
  txt,
  TYPE,
  zoneId,
} from "./cloud";

describe("the snapshot", () => {
  /** The same deployment, in one order or the other, after some ids were used up. */
  function deployed(order: "forth" | "back", used = 0, wait = 0): string {
    const world = emptyWorld();
    for (let count = 0; count < used; count += 1) world.newId();
    jest.useFakeTimers({ now: Date.UTC(2026, 10, 22) + wait });
    try {
      const { tunnelId, tokenId, policyId } = furnished(world);
      const target = `${tunnelId}.cfargotunnel.com`;
      const token = world.all(TYPE.token).find(({ id }) => id === tokenId);
      const text = String(token?.props["clientSecret"]);
      const steps = [
        () => world.create(TYPE.ingress, "it", ingress(tunnelId)),
        () => world.create(TYPE.application, "it", application(policyId)),
        () => world.create(TYPE.record, "it", cname({ content: target })),
        () => world.create(TYPE.record, "it", cname({ name: `b.${DOMAIN}`, content: target })),
        () => world.create(TYPE.record, "it", txt()),
        () => world.create(TYPE.dnssec, "it", { zoneId, status: "active" }),
        () => world.create(TYPE.bucket, "it", { bucket: "mail-backup" }),
        () =>
          world.create(
            TYPE.script,
            "it",
            script({
              scriptName: "second",
              bindings: [{ type: "secret_text", name: "A", text }],
            }),
          ),
      ];
      for (const step of order === "forth" ? steps : steps.reverse()) step();
      return world.snapshot();
    } finally {
      jest.useRealTimers();
    }
  }

  it.each([
    ["ids", deployed("forth", 7)],
    ["order", deployed("back")],
    ["the hour", deployed("forth", 0, 86_400_000)],
  ])("does not depend on %s", (_what, snapshot) => {
    expect(snapshot).toBe(deployed("forth"));
    expect(snapshot).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}-4/);
  });

  it("does not depend on the way: an update leads where a create leads", () => {
    const direct = furnished().world;
    const detour = furnished().world;
    direct.create(TYPE.record, "it", txt());
    const made = detour.create(TYPE.record, "it", { content: '"first"', ...txt({ content: '"first"' }) });
    detour.update(TYPE.record, "it", made.id, txt());
    expect(detour.snapshot()).toBe(direct.snapshot());
  });

  it("shows which token a policy admits, although ids are left out", () => {
    const snapshotFor = (which: "first" | "second") => {
      const { world } = furnished();
      const first = world.create(TYPE.token, "it", { accountId, name: "first" }).id;
      const second = world.create(TYPE.token, "it", { accountId, name: "second" }).id;
      world.create(TYPE.policy, "it", policy(which === "first" ? first : second, { name: "p" }));
      return world.snapshot();
    };
    expect(snapshotFor("first")).not.toBe(snapshotFor("second"));
  });

  it("shows what was declared and what the zone holds", () => {
    const { world } = furnished();
    const before = world.snapshot();
    world.create(TYPE.record, "it", txt());
    expect(world.snapshot()).not.toBe(before);
    expect(world.snapshot()).toContain("p=reject");
  });
});
