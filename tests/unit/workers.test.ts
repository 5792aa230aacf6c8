import type { Props } from "../../sandbox/cloud/props";
import { Connectors } from "../../sandbox/edge/connector";
import { Edge } from "../../sandbox/edge/edge";
import { cron, emptyWorld, r2, refusalOf, script, TYPE } from "./cloud/cloud";

const SPOOL = { type: "r2_bucket", name: "SPOOL", bucketName: "mail-spool" };

/** Writes down each time at which its clock strikes. */
const writer = (version: string): string => `export default {
  async scheduled({ cron }, env) { await env.SPOOL.put("${version} " + cron, "x", { customMetadata: { by: "${version}" } }); },
};`;

function uploaded(changes: Props = {}): { world: ReturnType<typeof emptyWorld>; edge: Edge } {
  const world = emptyWorld();
  world.create(TYPE.r2, "bucket", r2());
  world.create(TYPE.script, "script", script({ bindings: [SPOOL], content: writer("first"), ...changes }));
  return { world, edge: new Edge(world, new Connectors()) };
}

describe("Workers with a bucket and a clock", () => {
  it("run `scheduled` once for each schedule of a trigger, and keep their objects when the script changes", async () => {
    const { world, edge } = uploaded();
    try {
      expect(await edge.cron()).toEqual([]);
      world.create(TYPE.cron, "clock", cron("*/5 * * * *", "0 3 * * *"));
      expect(await edge.cron()).toMatchObject([
        { scriptName: "mail-in", report: { outcome: "ok" } },
        { scriptName: "mail-in", report: { outcome: "ok" } },
      ]);
      world.update(TYPE.script, "script", "mail-in", script({ bindings: [SPOOL], content: writer("second") }));
      await edge.cron();
      const objects = await world.buckets.list("mail-spool", "");
      expect(objects.map(({ key, size, metadata }) => ({ key, size, ...metadata }))).toEqual([
        { key: "first */5 * * * *", size: 1, by: "first" },
        { key: "first 0 3 * * *", size: 1, by: "first" },
        { key: "second */5 * * * *", size: 1, by: "second" },
        { key: "second 0 3 * * *", size: 1, by: "second" },
      ]);
    } finally {
      await edge.close();
    }
  });

  it("keep their bucket from being deleted while an object lies in it", async () => {
    const { world, edge } = uploaded();
    const remove = () => refusalOf(() => world.delete(TYPE.r2, "bucket", "mail-spool", r2()))?.code;
    try {
      await world.buckets.put("mail-spool", "spool/a.eml", Buffer.alloc(0));
      expect(remove()).toBe(10_008);
      await world.buckets.delete("mail-spool", "spool/a.eml");
      expect(remove()).toBeUndefined();
    } finally {
      await edge.close();
    }
  });

  it("report a `scheduled` that fails, and one that is not there", async () => {
    for (const [content, error] of [
      ["export default { scheduled() { throw new Error('broken'); } };", /broken/],
      ["export default {};", /no scheduled handler/],
    ] as const) {
      const { world, edge } = uploaded({ content });
      world.create(TYPE.cron, "clock", cron("*/5 * * * *"));
      const [run] = await edge.cron();
      expect(run?.report.outcome).toBe("exception");
      expect(run?.report.error).toMatch(error);
      await edge.close();
    }
  });

  it("are needed to look into a bucket: one that nobody is bound to is not taken for empty", async () => {
    const { world, edge } = uploaded({ bindings: [] });
    await expect(world.buckets.list("mail-spool", "")).rejects.toThrow("no Worker is bound to it");
    await edge.close();
  });
});
