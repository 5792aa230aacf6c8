import { MAX_KILLS } from "../../worker/src/begun";
import { DOMAIN } from "./home";
import { startTwoWays } from "./lmtp-home";
import type { Mode, TwoWays } from "./lmtp-home";
import { message, MINUTE_MS, TO } from "./matrix";

/**
 * Rows of the fault matrix about a message that ends every run: the bundle in real workerd, which is killed each time home
 * gets that message, with a bucket that outlives it.
 */

const DEADLY_TO = `root+deadly@${DOMAIN}`;
/** Longer than the longest pause of a suspect, and than a claim lasts. */
const PAUSE_MS = 25 * MINUTE_MS;
const MAX_RUNS = 20;
const BUDGET_MS = 180_000;

let home: TwoWays;
let aheadMs: number;

afterEach(() => home.close());

async function advance(milliseconds: number): Promise<void> {
  aheadMs += milliseconds;
  await home.worker().advance(milliseconds);
}

/** True when workerd was killed in it. A new one begins with the machine's clock. */
async function run(mode: Mode): Promise<boolean> {
  const reached = new Promise<"reached">((resolve) => {
    home.deadly = { to: DEADLY_TO, reached: () => resolve("reached") };
  });
  const ended = home.drain().catch(() => undefined);
  if ((await Promise.race([ended, reached])) !== "reached") return false;
  await home.switchTo(mode);
  await home.worker().advance(aheadMs);
  await ended;
  return true;
}

const spooled = (folder = "spool/") => home.worker().bucket("SPOOL").list(folder);
const copies = (raw: Buffer) => home.mailbox().filter((stored) => stored.subarray(-raw.length).equals(raw)).length;

test.each<Mode>(["jmap", "lmtp"])(
  "by %s: it ends under dead/ after a bounded number of kills, and the others come home by the next run",
  async (mode) => {
    home = await startTwoWays(mode);
    aheadMs = 0;
    const deadly = message("deadly\r\n");
    const others = [message(), message(), message()];
    await home.pause();
    expect((await home.send(DEADLY_TO, deadly)).outcome).toBe("ok");
    for (const raw of others) expect((await home.send(TO, raw)).outcome).toBe("ok");
    await home.resume();

    expect(await run(mode)).toBe(true);
    expect(others.map(copies)).toEqual([0, 0, 0]);
    await advance(MINUTE_MS);
    expect(await run(mode)).toBe(false);
    expect(others.map(copies)).toEqual([1, 1, 1]);

    let kills = 1;
    for (let runs = 0; runs < MAX_RUNS && (await spooled()).length > 0; runs++) {
      await advance(PAUSE_MS);
      if (await run(mode)) kills++;
    }
    expect(kills).toBe(1 + MAX_KILLS);
    const [dead = "", ...more] = await spooled("dead/");
    const object = await home.worker().bucket("SPOOL").get(dead);
    expect(object?.bytes.subarray(-deadly.length).equals(deadly)).toBe(true);
    expect(object?.metadata).toMatchObject({
      to: DEADLY_TO,
      reason: "The platform ended 5 runs while they carried this message and nothing else (CPU time or memory).",
    });
    expect([more, await spooled(), await spooled("begun/"), copies(deadly)]).toEqual([[], [], [], 0]);

    // An operator puts it back: it has its chances again.
    home.deadly = undefined;
    await home
      .worker()
      .bucket("SPOOL")
      .put(dead.replace("dead/", "spool/"), object?.bytes ?? "");
    await advance(PAUSE_MS);
    await home.drain();
    expect([copies(deadly), ...others.map(copies), await spooled()]).toEqual([1, 1, 1, 1, []]);
  },
  BUDGET_MS,
);

test("an object larger than any message is set aside unread", async () => {
  home = await startTwoWays("jmap");
  const large = Buffer.concat([message(), Buffer.alloc(26 * 1024 * 1024, "a")]);
  await home.worker().bucket("SPOOL").put("spool/2026-01-02T03:04:05.000Z-00000000.eml", large);
  const { outcome, logs } = await home.drain();
  expect([outcome, JSON.parse(logs[0] ?? "")]).toMatchObject(["ok", { dead: 1, waiting: 0 }]);
  const [dead = ""] = await spooled("dead/");
  const object = await home.worker().bucket("SPOOL").get(dead);
  expect(object?.bytes.equals(large)).toBe(true);
  expect(object?.metadata).toMatchObject({ reason: "552 5.3.4 The message is larger than 25 MiB." });
});
