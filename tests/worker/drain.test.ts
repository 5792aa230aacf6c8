import { DRAIN_MS, MOST_USAGE } from "../../worker/src/budgets";
import type { BacklogTotal } from "../../worker/src/backlog";
import { drain } from "../../worker/src/drain";
import { createLedger } from "../../worker/src/ledger";
import { pauseMs } from "../../worker/src/pauses";
import { toMetadata } from "../../worker/src/spool";
import { TransientError } from "../../worker/src/transient";
import { counted } from "../../worker/src/usage";
import { surroundingsOf, World } from "./model";

const TO = "me@example.org";

describe("the drain", () => {
  const RECIPIENTS = { mailDomain: "example.org", catchAll: undefined };
  const spool = (world: World, to: string, id: number) => {
    const entry = { from: "a@b", to, receivedAt: world.now, start: 0 };
    world.put(`spool/${new Date(world.now).toISOString()}-${id}.eml`, Buffer.from(`Message-ID: ${id}\r\n\r\nb`), {
      customMetadata: toMetadata(entry),
    });
  };

  test("sets aside what nobody will ever take, with the reason", async () => {
    const world = new World();
    spool(world, "gone@example.org", 1);
    spool(world, "me@example.net", 2);
    world.put("spool/3", "x");
    expect(await drain(RECIPIENTS, surroundingsOf(world, world.actor()))).toMatchObject({
      dead: 3,
      waiting: 0,
      failed: 0,
    });
    expect(world.keys("spool/")).toEqual([]);
    const reasons = world.keys("dead/").map((key) => world.objects.get(key)?.metadata["reason"]);
    expect(reasons).toEqual([
      "550 5.1.1 There is no such mailbox here.",
      "550 5.1.2 This server does not receive mail for that domain.",
      "the object has no envelope",
    ]);
  });

  test("ends at once while home is down, and writes nothing", async () => {
    const world = new World();
    for (const id of [1, 2, 3]) spool(world, TO, id);
    world.isDown = true;
    world.now += 60_000;
    const report = { waiting: 3, failed: 1, delivered: 0, stopped: "home", oldestSeconds: 60 };
    expect(await drain(RECIPIENTS, surroundingsOf(world, world.actor()))).toMatchObject(report);
    expect(world.keys("retry/")).toEqual([]);
  });

  test("lets a message that fails alone step back, longer each time, and goes on with the others", async () => {
    const world = new World();
    for (const id of [1, 2]) spool(world, TO, id);
    const { home } = world.actor();
    const poisoned: typeof home = {
      ...home,
      upload: (message, account, signal) =>
        Buffer.from(message).includes("Message-ID: 1")
          ? Promise.reject(new TransientError("upload: status 500", "home", true))
          : home.upload(message, account, signal),
    };
    const counts = async () =>
      await drain(RECIPIENTS, surroundingsOf(world, { bucket: world.actor().bucket, home: poisoned }));
    expect(await counts()).toMatchObject({ delivered: 1, failed: 1, waiting: 1, stopped: undefined });
    const [sidecar = ""] = world.keys("retry/");
    expect(JSON.parse((await world.get(sidecar)?.text()) ?? "")).toMatchObject({
      attempts: 1,
      reason: "upload: status 500",
    });
    expect(await counts()).toMatchObject({ failed: 0, waiting: 1 });
    world.now += pauseMs(1) + 180_000;
    expect(await counts()).toMatchObject({ failed: 1, waiting: 1 });
    world.now += pauseMs(1) + 1;
    expect(await counts()).toMatchObject({ failed: 0, waiting: 1 });
    world.now += pauseMs(2) + 180_000;
    expect(await drain(RECIPIENTS, surroundingsOf(world, world.actor()))).toMatchObject({ delivered: 1, waiting: 0 });
    expect([world.mailbox.length, world.keys("retry/"), world.keys("spool/")]).toEqual([2, [], []]);
  });

  const many = (world: World, count: number) => {
    world.pageSize = 1_000;
    const customMetadata = toMetadata({ from: "", to: TO, receivedAt: world.now, start: 0 });
    for (let id = 10_000; id < 10_000 + count; id++)
      world.put(`spool/${new Date(world.now).toISOString()}-${id}.eml`, Buffer.from(`Message-ID: ${id}\r\n\r\nb`), {
        customMetadata,
      });
  };

  test("reads of 10,000 messages what fits into a run, and counts the others", async () => {
    const world = new World();
    many(world, 10_000);
    const surroundings = surroundingsOf(world, world.actor());
    const { bucket, ...usage } = counted(() => Promise.reject(new Error("no requests")), surroundings.bucket);
    const given = { ...surroundings, bucket, usage, ledger: createLedger(bucket, world.clock) };
    const { delivered, waiting, failed, stopped } = await drain(RECIPIENTS, given);
    expect(delivered).toBeGreaterThan(100);
    expect(usage.operations()).toBeLessThan(MOST_USAGE);
    expect([waiting, failed, stopped]).toEqual([10_000 - delivered, 0, "limit"]);
    expect([world.mailbox.length, world.reads]).toEqual([delivered, delivered]);
    expect(Buffer.from(world.mailbox[0] ?? "").toString()).toContain("10000");
  });

  test("begins nothing when its time is over, and says so", async () => {
    const world = new World();
    many(world, 100);
    const { home } = world.actor();
    const slow: typeof home = {
      ...home,
      inbox: (accountId) => {
        world.now += DRAIN_MS / 10;
        return home.inbox(accountId);
      },
    };
    const report = await drain(RECIPIENTS, surroundingsOf(world, { bucket: world.actor().bucket, home: slow }));
    // The last one began beside the one that used up the time.
    expect(report).toMatchObject({
      delivered: 11,
      waiting: 89,
      stopped: "time",
      oldestSeconds: (1.1 * DRAIN_MS) / 1_000,
    });
  });

  test("tells what waits before it begins with any message", async () => {
    const world = new World();
    many(world, 30);
    const surroundings = surroundingsOf(world, world.actor());
    const told: unknown[] = [];
    const tell = (backlog: BacklogTotal) => {
      told.push({ ...backlog, reads: world.reads, marks: world.keys("begun/").length });
      return Promise.resolve();
    };
    expect(await drain(RECIPIENTS, { ...surroundings, tell })).toMatchObject({ delivered: 30, waiting: 0 });
    expect(told).toMatchObject([{ waiting: 30, isExcerpt: false, reads: 0, marks: 0 }]);
  });

  test("ends a run that the platform allows no more, and lets nothing step back for it", async () => {
    const world = new World();
    for (const id of [1, 2]) spool(world, TO, id);
    const { home } = world.actor();
    const refused: typeof home = {
      ...home,
      import: () => Promise.reject(new TransientError("import: the platform allows no more requests", "limit")),
    };
    const surroundings = surroundingsOf(world, { bucket: world.actor().bucket, home: refused });
    expect(await drain(RECIPIENTS, surroundings)).toMatchObject({
      delivered: 0,
      failed: 0,
      waiting: 2,
      stopped: "limit",
    });
    expect(world.keys("retry/")).toEqual([]);
    // Nothing was sent, so the next run need not wait for a claim.
    const next = await drain(RECIPIENTS, surroundingsOf(world, world.actor()));
    expect(next).toMatchObject({ delivered: 2, waiting: 0 });
  });

  test("drops the copies of a message that it carries at the same time", async () => {
    const world = new World();
    spool(world, TO, 1);
    for (const id of [2, 3, 4]) {
      const customMetadata = toMetadata({ from: "a@b", to: TO, receivedAt: world.now, start: 0 });
      world.put(`spool/${new Date(world.now).toISOString()}-${id}.eml`, Buffer.from("Message-ID: same\r\n\r\nb"), {
        customMetadata,
      });
    }
    // Otherwise one would be done before the other has its hash.
    const slowly = world.actor(undefined, () => new Promise((resolve) => setImmediate(resolve)));
    const report = await drain(RECIPIENTS, surroundingsOf(world, slowly));
    expect(report).toMatchObject({ delivered: 2, duplicates: 2, waiting: 0 });
    expect([world.mailbox.length, world.keys("spool/")]).toEqual([2, []]);
  });

  test("a pause doubles up to six hours", () => {
    expect([1, 2, 3, 9, 10, 1_000].map((attempts) => pauseMs(attempts) / 60_000)).toEqual([1, 2, 4, 256, 360, 360]);
  });
});
