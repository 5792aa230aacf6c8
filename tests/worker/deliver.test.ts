import { attempt } from "../../worker/src/attempt";
import type { Home, ImportResult } from "../../worker/src/attempt";
import { deliver } from "../../worker/src/deliver";
import type { Decision, Progress } from "../../worker/src/deliver";
import { drain, pauseMs } from "../../worker/src/drain";
import { createLedger, NO_LEDGER } from "../../worker/src/ledger";
import { deliveryHeaders, fingerprint, MAX_MESSAGE_BYTES, messageKey, readMessage } from "../../worker/src/message";
import { deadMetadata, fromMetadata, toMetadata } from "../../worker/src/spool";
import { TransientError } from "../../worker/src/transient";
import { streamOf, World } from "./model";

const RAW = Buffer.from("Message-ID: <1@x>\r\nSubject: x\r\n\r\nbody");
const HEAD = "Return-Path: <a@b>\r\nDelivered-To: me@example.org\r\nX-Original-To: me@example.org\r\n";
const CATCH_ALL = "me@example.org";

interface Case {
  readonly to?: string;
  readonly catchAll?: string;
  readonly rawSize?: number;
  readonly imported?: ImportResult;
}

/** Runs one delivery and tells, besides the decision, what happened at home. */
async function run({ to = "me@example.org", catchAll, rawSize = RAW.length, imported = "imported" }: Case) {
  const steps: string[] = [];
  const world = new World();
  const inner = world.actor().home;
  const home: Home = {
    ...inner,
    find: (addresses) => {
      steps.push(`find ${addresses.join(" ")}`);
      return inner.find(addresses);
    },
    import: async (order) => {
      steps.push(`import into ${order.accountId}/${order.mailboxId}`);
      await inner.import(order);
      return imported;
    },
  };
  const incoming = { from: "a@b", to, rawSize, raw: streamOf(RAW.subarray(0, 5), RAW.subarray(5)) };
  const surroundings = { home, ledger: NO_LEDGER, bucket: undefined, clock: world.clock };
  const decision = await deliver(incoming, { mailDomain: "example.org", catchAll }, surroundings, progress());
  return { decision, steps };
}

function progress(): Progress {
  return { key: undefined, steps: {} };
}

const DELIVERED: Decision = { kind: "delivered", ledgerWritten: false };
const IMPORTED = ["find me@example.org", "import into c/a"];

test.each<[what: string, given: Case, decision: Decision, steps: readonly string[]]>([
  ["a known address", {}, DELIVERED, IMPORTED],
  ["a message that is already there", { imported: "alreadyThere" }, DELIVERED, IMPORTED],
  [
    "an unknown address with a catch-all",
    { to: "x+y@example.org", catchAll: CATCH_ALL },
    DELIVERED,
    ["find x+y@example.org x@example.org me@example.org", "import into c/a"],
  ],
  [
    "an unknown address",
    { to: "x@example.org" },
    { kind: "refused", reason: "550 5.1.1 There is no such mailbox here." },
    ["find x@example.org"],
  ],
  [
    "another domain",
    { to: "me@example.net", catchAll: CATCH_ALL },
    { kind: "refused", reason: "550 5.1.2 This server does not receive mail for that domain." },
    [],
  ],
  [
    "a message over the limit",
    { rawSize: MAX_MESSAGE_BYTES + 1 },
    { kind: "refused", reason: "552 5.3.4 The message is larger than 25 MiB." },
    [],
  ],
  [
    "what is no message",
    { imported: "invalid" },
    { kind: "refused", reason: "554 5.6.0 The message is not a valid Internet message (RFC 5322)." },
    IMPORTED,
  ],
])("%s", async (_, given, decision, steps) => {
  expect(await run(given)).toEqual({ decision, steps });
});

test("a catch-all without account is trouble at home, not the sender's", async () => {
  await expect(run({ to: "x@example.org", catchAll: "gone@example.org" })).rejects.toThrow(
    "the catch-all address has no account",
  );
});

test.each([1, -1])("a message that is %d byte shorter than announced is not stored", async (bytes) => {
  await expect(run({ rawSize: RAW.length + bytes })).rejects.toThrow(/cut short|longer than/);
});

test("what was remembered and is wrong is asked for again, once", async () => {
  const world = new World();
  const inner = world.actor().home;
  let asked = 0;
  let isKnown = true;
  const home: Home = {
    ...inner,
    inbox: () => (asked++ === 0 ? Promise.reject(new TransientError("inbox: gone", "stale")) : Promise.resolve("a")),
    forget: () => isKnown,
  };
  const message = await readMessage(deliveryHeaders("a@b", CATCH_ALL), streamOf(RAW), RAW.length);
  const given = {
    message,
    print: await fingerprint(message),
    addresses: [CATCH_ALL],
    hasCatchAll: false,
    receivedAt: 0,
    home,
    ledger: createLedger(world.actor().bucket, world.clock),
    clock: world.clock,
    timed: () => undefined,
  };
  expect(await attempt(given)).toEqual({ kind: "delivered", ledgerWritten: true });
  expect([asked, world.mailbox.length]).toEqual([2, 1]);
  expect(await attempt(given)).toEqual({ kind: "duplicate" });
  asked = 0;
  isKnown = false;
  const other = { ...given, print: { messageId: "other", content: "" } };
  expect(await attempt(other)).toMatchObject({ kind: "failed", error: { message: "inbox: gone" } });
});

describe("headers", () => {
  test("of the envelope are in front, and the rest stays as it is", async () => {
    const { bytes, start } = await readMessage(deliveryHeaders("a@b", CATCH_ALL), streamOf(RAW), RAW.length);
    expect(Buffer.from(bytes).toString()).toBe(HEAD + RAW.toString());
    expect(start).toBe(HEAD.length);
  });

  test("of a bounce", () => {
    expect(Buffer.from(deliveryHeaders("", "b@c")).toString()).toMatch(/^Return-Path: <>\r\n/);
  });

  test("nothing of an envelope begins another header", () => {
    const text = Buffer.from(deliveryHeaders("a@b\r\nBcc: x", "\0b@c\n\u2028\u0085\x7f")).toString();
    expect(text).toBe("Return-Path: <a@bBcc: x>\r\nDelivered-To: b@c\r\nX-Original-To: b@c\r\n");
  });
});

describe("two copies of a message are the same", () => {
  const key = async (text: string, account = "c", head = "") => {
    const message = { bytes: Buffer.from(head + text, "latin1"), start: head.length };
    return await messageKey(account, await fingerprint(message));
  };
  const ID = "Message-ID: <1@x>\r\n";
  test.each<[what: string, one: string, other: string, same: boolean]>([
    [
      "whatever the way they came",
      `Received: a\r\n${ID}\r\nb`,
      `Received: other\r\n\tfolded\r\nX-Y: z\r\n${ID}\r\nb`,
      true,
    ],
    ["not with another body, as lists send it", `${ID}\r\nb`, `${ID}\r\nb\r\n--\r\nlist`, false],
    ["not with another Message-ID", `${ID}\r\nb`, `Message-ID: <2@x>\r\n\r\nb`, false],
    ["with a folded Message-ID", `${ID}\r\nb`, `Message-Id:\r\n <1@x> \r\n\r\nb`, true],
    [
      "without Message-ID, with the same fields",
      `Received: a\r\nSubject: s\r\n\r\nb`,
      `ARC-Seal: i=1\r\nX-CF-SpamH-Score: 1\r\nSubject: s\r\n\r\nb`,
      true,
    ],
    ["without Message-ID, not with another subject", `Subject: s\r\n\r\nb`, `Subject: t\r\n\r\nb`, false],
    [
      "without Message-ID, not with another signature",
      `DKIM-Signature: 1\r\n\r\nb`,
      `DKIM-Signature: 2\r\n\r\nb`,
      false,
    ],
    [
      "with an empty Message-ID it is as without",
      `Message-ID: \r\nSubject: s\r\n\r\nb`,
      `Message-ID: \r\nSubject: t\r\n\r\nb`,
      false,
    ],
    ["with bare LF", "Message-ID: 1\n\nb", "Received: x\nMessage-ID: 1\n\nb", true],
    ["without any header", "\r\nb", "\r\nb", true],
    ["without any header, not with another body", "\r\nb", "\r\nc", false],
    ["no empty line", "Subject: s", "Subject: t", false],
    ["nothing at all", "", "", true],
    ["a Message-ID in the body is none", `\r\n${ID}b`, `\r\nMessage-ID: <2@x>\r\nb`, false],
    [
      "a head longer than is looked at",
      `X: ${"y".repeat(300_000)}\r\n\r\nb`,
      `X: ${"y".repeat(300_000)}\r\n\r\nc`,
      false,
    ],
  ])("%s", async (_, one, other, same) => {
    expect((await key(one)) === (await key(other))).toBe(same);
    expect(await key(one, "c", HEAD)).toBe(await key(one));
    expect(await key(one, "d")).not.toBe(await key(one));
  });
});

describe("metadata", () => {
  const entry = { from: "", to: "Ä %+x@example.org", receivedAt: Date.parse("2026-01-02T03:04:05.678Z"), start: 3 };

  test("survives the way through HTTP headers", () => {
    const customMetadata = toMetadata(entry);
    expect(Object.values(customMetadata).join("")).toMatch(/^[ -~]*$/);
    expect(fromMetadata({ key: "k", size: 9, etag: "", customMetadata })).toEqual(entry);
    expect(customMetadata).toMatchObject({ version: "1", receivedAt: "2026-01-02T03:04:05.678Z" });
  });

  test("fits into an object, however long the sender's name", () => {
    const metadata = deadMetadata(toMetadata({ ...entry, from: "ä\ud800".repeat(1_000) }), "é".repeat(1_000), 0);
    const size = Object.entries(metadata).reduce((sum, [name, value]) => sum + name.length + value.length, 0);
    expect(size).toBeLessThan(2_048);
    expect(() => toMetadata({ ...entry, to: "x".repeat(701) })).toThrow("the recipient is too long");
  });

  test.each([
    {},
    { to: "a@b", from: "", receivedAt: "x", start: "0" },
    { to: "a@b", from: "", receivedAt: "2026-01-01", start: "10" },
  ])("%j is no envelope", (customMetadata: object) => {
    expect(fromMetadata({ key: "k", size: 9, etag: "", customMetadata: { ...customMetadata } })).toBeUndefined();
  });
});

describe("the drain", () => {
  const RECIPIENTS = { mailDomain: "example.org", catchAll: undefined };
  const surroundings = (world: World, home = world.actor().home) => {
    const { bucket } = world.actor();
    return { bucket, clock: world.clock, ledger: createLedger(bucket, world.clock), home: () => home };
  };
  const spool = (world: World, to: string, id: number) => {
    const entry = { from: "a@b", to, receivedAt: world.now, start: 0 };
    world.put(`spool/2026-01-02T03:04:0${id}.000Z-0.eml`, Buffer.from(`Message-ID: ${id}\r\n\r\nb`), {
      customMetadata: toMetadata(entry),
    });
  };

  test("sets aside what nobody will ever take, with the reason", async () => {
    const world = new World();
    spool(world, "gone@example.org", 1);
    spool(world, "me@example.net", 2);
    world.put("spool/3", "x");
    expect(await drain(RECIPIENTS, surroundings(world))).toMatchObject({ dead: 3, waiting: 0, failed: 0 });
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
    for (const id of [1, 2, 3]) spool(world, CATCH_ALL, id);
    world.isDown = true;
    world.now += 60_000;
    const report = { waiting: 3, failed: 1, delivered: 0, stopped: "home", oldestSeconds: 60 };
    expect(await drain(RECIPIENTS, surroundings(world))).toMatchObject(report);
    expect(world.keys("retry/")).toEqual([]);
  });

  test("lets a message that fails alone step back, longer each time, and goes on with the others", async () => {
    const world = new World();
    for (const id of [1, 2]) spool(world, CATCH_ALL, id);
    const { home } = world.actor();
    const poisoned: typeof home = {
      ...home,
      upload: (message, account, signal) =>
        Buffer.from(message).includes("Message-ID: 1")
          ? Promise.reject(new TransientError("upload: status 500", "home", true))
          : home.upload(message, account, signal),
    };
    const counts = async () => await drain(RECIPIENTS, surroundings(world, poisoned));
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
    expect(await drain(RECIPIENTS, surroundings(world))).toMatchObject({ delivered: 1, waiting: 0 });
    expect([world.mailbox.length, world.keys("retry/"), world.keys("spool/")]).toEqual([2, [], []]);
  });

  test("does of 10,000 messages what fits into a run, and counts the others without reading them", async () => {
    const world = new World();
    world.pageSize = 1_000;
    const customMetadata = toMetadata({ from: "", to: CATCH_ALL, receivedAt: world.now, start: 0 });
    for (let id = 10_000; id < 20_000; id++)
      world.put(`spool/${id}.eml`, new TextEncoder().encode(`Message-ID: ${id}\r\n\r\nb`), { customMetadata });
    const report = await drain(RECIPIENTS, surroundings(world));
    expect(report).toMatchObject({ delivered: 20, waiting: 9_980, failed: 0 });
    expect([world.mailbox.length, world.reads]).toEqual([20, 20]);
    expect(Buffer.from(world.mailbox[0] ?? "").toString()).toContain("10000");
    let runs = 1;
    while (world.keys("spool/").length > 9_900) runs += (await drain(RECIPIENTS, surroundings(world))).delivered / 20;
    expect(runs).toBe(5);
  });

  test("a pause doubles up to six hours", () => {
    expect([1, 2, 3, 9, 10, 1_000].map((attempts) => pauseMs(attempts) / 60_000)).toEqual([1, 2, 4, 256, 360, 360]);
  });
});
