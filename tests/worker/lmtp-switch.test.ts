import { DOMAIN } from "./home";
import { startTwoWays } from "./lmtp-home";
import type { Mode, TwoWays } from "./lmtp-home";
import { message, TO } from "./matrix";

/** One configuration change, in either direction, with mail flowing: nothing is lost, and nothing is there twice. */

let home: TwoWays;

beforeEach(async () => {
  home = await startTwoWays("jmap");
});

afterEach(() => home.close());

const copies = (raw: Buffer) => home.mailbox().filter((stored) => stored.subarray(-raw.length).equals(raw)).length;
const spooled = (folder = "spool/") => home.worker().bucket("SPOOL").list(folder);
/** The server cannot suppress a copy of it, so that only the ledger can. */
const anonymous = (id: string) => Buffer.from(`Subject: without id ${id}\r\n\r\nbody ${id}\r\n`);

const DIRECTIONS: readonly (readonly [from: Mode, to: Mode])[] = [
  ["jmap", "lmtp"],
  ["lmtp", "jmap"],
];

describe.each(DIRECTIONS)("from %s to %s", (from, to) => {
  beforeEach(() => home.switchTo(from));

  test("what was delivered is not delivered again when the sender tries once more", async () => {
    const raws = [message(), anonymous("1")];
    for (const raw of raws) expect((await home.send(TO, raw)).outcome).toBe("ok");
    await home.switchTo(to);
    for (const raw of raws) {
      const { outcome, logs } = await home.send(TO, raw);
      expect([outcome, JSON.parse(logs[0] ?? "")]).toMatchObject(["ok", { event: "duplicate" }]);
    }
    expect(raws.map(copies)).toEqual([1, 1]);
  });

  test("the same with a tag in the address", async () => {
    const raw = anonymous("2");
    await home.send(`root+tag@${DOMAIN}`, raw);
    await home.switchTo(to);
    await home.send(`ROOT+tag@${DOMAIN}`, raw);
    expect(copies(raw)).toBe(1);
  });

  test("the spool is filled in one way and drained in the other", async () => {
    const raws = [message(), message(), anonymous("3")];
    await home.pause();
    for (const raw of raws) expect((await home.send(TO, raw)).outcome).toBe("ok");
    // Each of them came twice.
    for (const raw of raws) expect((await home.send(TO, raw)).outcome).toBe("ok");
    expect((await spooled()).length).toBe(2 * raws.length);
    await home.switchTo(to);
    await home.resume();
    const { logs } = await home.drain();
    expect(JSON.parse(logs[0] ?? "")).toMatchObject({ delivered: 3, duplicates: 3, waiting: 0 });
    expect(raws.map(copies)).toEqual([1, 1, 1]);
    expect([await spooled(), await spooled("dead/")]).toEqual([[], []]);
  });

  test("a copy that waits is not delivered when the other way has delivered it meanwhile", async () => {
    const raw = anonymous("4");
    await home.pause();
    await home.send(TO, raw);
    await home.switchTo(to);
    await home.resume();
    expect((await home.send(TO, raw)).outcome).toBe("ok");
    expect(JSON.parse((await home.drain()).logs[0] ?? "")).toMatchObject({ duplicates: 1, waiting: 0 });
    expect(copies(raw)).toBe(1);
  });
});

test("while mail flows, and both ways are there for a moment", async () => {
  const modes: readonly Mode[] = ["lmtp", "jmap", "lmtp", "jmap"];
  const sent: Buffer[] = [];
  for (const [round, mode] of modes.entries()) {
    const batch = [message(), anonymous(`flow ${round}`), message()];
    sent.push(...batch);
    // Every second round home is away, so that the spool crosses the change.
    if (round % 2 === 1) await home.pause();
    for (const raw of batch) expect((await home.send(TO, raw)).outcome).toBe("ok");
    await home.switchTo(mode);
    await home.resume();
    // Senders that did not hear the answer try again, and so does the edge.
    for (const raw of batch) expect((await home.send(TO, raw)).outcome).toBe("ok");
    await home.drain();
  }
  expect(sent.map(copies)).toEqual(sent.map(() => 1));
  expect([await spooled(), await spooled("retry/"), await spooled("dead/")]).toEqual([[], [], []]);
});
