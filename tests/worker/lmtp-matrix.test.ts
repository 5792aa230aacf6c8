import type { BucketFault } from "../../sandbox/edge/harness";
import type { LmtpStep, LmtpTrouble } from "../../sandbox/host/lmtp-server";
import { DOMAIN } from "./home";
import { startTwoWays } from "./lmtp-home";
import type { TwoWays } from "./lmtp-home";
import { EVENT_MS, HANGING_MS, message, MIB, MINUTE_MS, SENDER, TO } from "./matrix";
import type { Told } from "./matrix";

/**
 * The fault matrix when mail goes home by LMTP: the bundle in real workerd with a real bucket, through a WebSocket relay that
 * does what cloudflared does, to a model of Stalwart's listener. Each row says what the sender is told, and how many copies
 * are in the mailbox when home is well again and the cron trigger has run.
 */

let home: TwoWays;

beforeAll(async () => {
  home = await startTwoWays("lmtp");
});

afterAll(() => home.close());

async function send(raw: Buffer, to = TO, from?: string): Promise<Told> {
  const { outcome, rejectReason } = await home.send(to, raw, from);
  if (rejectReason !== undefined) return "refused";
  return outcome === "ok" ? "accepted" : "deferred";
}

const copies = (raw: Buffer) => home.mailbox().filter((stored) => stored.subarray(-raw.length).equals(raw)).length;
const spooled = (folder = "spool/") => home.worker().bucket("SPOOL").list(folder);

async function recover(): Promise<void> {
  for (const operation of ["put", "get", "head", "list", "delete"] as const)
    await home.worker().breakBucket({ operation, fail: 0 });
  home.trouble = undefined;
  home.refusal = undefined;
  await home.resume();
  await home.worker().advance(5 * MINUTE_MS);
  expect(await home.drain()).toMatchObject({ outcome: "ok" });
}

async function expectRow(raw: Buffer, told: Told, expected: number): Promise<void> {
  expect(await send(raw)).toBe(told);
  await recover();
  expect(copies(raw)).toBe(expected);
  expect([await spooled(), await spooled("retry/"), await spooled("dead/")]).toEqual([[], [], []]);
}

test("a message: only X-Original-To and Received are put in front by the Worker, and the log has the connection and no address", async () => {
  const raw = message();
  const before = home.upgrades();
  const { outcome, logs } = await home.send(TO, raw);
  expect(outcome).toBe("ok");
  expect(home.upgrades() - before).toBe(1);
  const stored = home.mailbox().at(-1)?.toString("latin1") ?? "";
  const [front = "", received, ...rest] = stored.replace(raw.toString("latin1"), "").split(/^(?=Received: )/m);
  expect(front).toBe(
    `Delivered-To: ${TO}\r\nX-Spam-Status: No\r\nReturn-Path: <sender@remote.example>\r\nX-Original-To: ${TO}\r\n`,
  );
  expect([received, rest]).toEqual([
    expect.stringMatching(/^Received: by example\.org with HTTP id [0-9a-f]{32}; .*\r\n$/),
    [],
  ]);
  // The connection, and on a cold isolate whose mail it is: session, redirect, lookup.
  expect(JSON.parse(logs[0] ?? "")).toMatchObject({ event: "delivered", ledger: "written", requests: 4 });
  const warm = await home.send(TO, message());
  expect(JSON.parse(warm.logs[0] ?? "")).toMatchObject({ event: "delivered", ledger: "written", requests: 1 });
  expect(logs.join()).not.toMatch(/root@|remote\.example/);
});

describe("the edge and the tunnel", () => {
  test.each([301, 302, 401, 403, 404, 413, 429, 500, 502, 530])("answer the upgrade with %i", async (status) => {
    home.refusal = () =>
      new Response("error", { status, ...(status < 400 ? { headers: { location: "https://x.example/" } } : {}) });
    await expectRow(message(), "accepted", 1);
  });

  test("answer with an HTML page", async () => {
    home.refusal = () => new Response("<html></html>", { headers: { "content-type": "text/html" } });
    await expectRow(message(), "accepted", 1);
  });

  test("break the connection", async () => {
    home.refusal = () => Promise.reject(new Error("gone"));
    await expectRow(message(), "accepted", 1);
  });

  test("do not find the listener", async () => {
    const raw = message();
    await home.pause();
    await expectRow(raw, "accepted", 1);
  });

  test(
    "never answer",
    async () => {
      home.refusal = () => new Promise<Response>(() => undefined);
      const started = Date.now();
      const raw = message();
      expect(await send(raw)).toBe("accepted");
      expect(Date.now() - started).toBeLessThan(EVENT_MS);
      await recover();
      expect([copies(raw), await spooled()]).toEqual([1, []]);
    },
    HANGING_MS,
  );
});

const STEPS: readonly LmtpStep[] = ["greeting", "LHLO", "MAIL", "RCPT", "message"];
/** Said or done at that step in place of the usual. */
const TROUBLES: readonly (readonly [what: string, trouble: LmtpTrouble])[] = [
  ["421", { say: "421 4.3.2 shutting down\r\n", isClosed: true }],
  ["451", { say: "451 4.3.0 later\r\n" }],
  ["closes", { isClosed: true }],
  ["garbage", { say: "\0\xff<html>\r\n" }],
  ["half a reply", { say: "250-2.1", isClosed: true }],
  ["an endless line", { say: `250 ${"x".repeat(100_000)}`, isDeaf: true }],
  ["endless lines", { say: "250-x\r\n".repeat(5_000), isDeaf: true }],
  ["lines with different codes", { say: "250-x\r\n550 x\r\n" }],
];

describe.each(STEPS)("the server at %s", (step) => {
  test.each(TROUBLES)("%s", async (_, trouble) => {
    home.trouble = (current) => (current === step ? trouble : undefined);
    await expectRow(message(), "accepted", 1);
  });

  test(
    "is silent",
    async () => {
      home.trouble = (current) => (current === step ? { isDeaf: true } : undefined);
      const started = Date.now();
      const raw = message();
      expect(await send(raw)).toBe("accepted");
      expect(Date.now() - started).toBeLessThan(EVENT_MS);
      await recover();
      expect([copies(raw), await spooled()]).toEqual([1, []]);
    },
    HANGING_MS,
  );
});

describe("the message is delivered, and", () => {
  test.each<[what: string, trouble: LmtpTrouble]>([
    ["the connection closes", { isClosed: true, isDone: true }],
    ["the reply is cut", { say: "250 2.0", isClosed: true, isDone: true }],
    ["the server says 421", { say: "421 4.3.2 x\r\n", isClosed: true, isDone: true }],
  ])("%s: the server's duplicate suppression makes it one", async (_, trouble) => {
    home.trouble = (step) => (step === "message" ? trouble : undefined);
    await expectRow(message(), "accepted", 1);
  });

  test("the connection closes, and it has no Message-ID: home says that it has arrived", async () => {
    home.trouble = (step) => (step === "message" ? { isClosed: true, isDone: true } : undefined);
    await expectRow(Buffer.from(`Subject: ${Math.random()}\r\n\r\nbody\r\n`), "accepted", 1);
  });

  test("the connection closes, and another attempt comes at once: nothing is sent while the claim lasts", async () => {
    const raw = message();
    home.trouble = (step) => (step === "message" ? { isClosed: true, isDone: true } : undefined);
    expect(await send(raw)).toBe("accepted");
    home.trouble = undefined;
    const { logs } = await home.send(TO, raw);
    expect(JSON.parse(logs[0] ?? "")).toMatchObject({ event: "spooled", reason: "another attempt has the message" });
    await recover();
    expect([copies(raw), await spooled()]).toEqual([1, []]);
  });
});

describe("a multi-line reply", () => {
  test.each<[step: LmtpStep, say: string]>([
    ["greeting", "220-hello\r\n220 there\r\n"],
    ["LHLO", "250-x\r\n250-PIPELINING\r\n250 SIZE 0\r\n"],
    ["LHLO", "250 x\r\n"],
    ["MAIL", "250-2.1.0 one\r\n250 2.1.0 two\r\n"],
    ["message", "250-2.0.0 one\r\n250 2.0.0 two\r\n"],
  ])("%s: %j", async (step, say) => {
    home.trouble = (current) => (current === step ? { say, isDone: true } : undefined);
    const raw = message();
    expect(await send(raw)).toBe("accepted");
    expect([copies(raw), await spooled()]).toEqual([1, []]);
  });
});

describe("the server refuses for good", () => {
  test.each<[say: string, reason: string]>([
    ["550 5.1.2 <root@example.org> unknown\r\n", "550 5.1.2 <root@example.org> unknown"],
    ["550 5.7.1 Policy of 10.0.0.1\r\n", "550 5.7.1 Policy of [...]"],
  ])("%j", async (say, reason) => {
    home.trouble = (step) => (step === "RCPT" ? { say } : undefined);
    const { rejectReason, logs } = await home.send(TO, message());
    expect(rejectReason).toBe(reason);
    expect(JSON.parse(logs[0] ?? "")).toMatchObject({ event: "refused", reason: `lmtp RCPT: ${reason.slice(0, 9)}` });
    expect(logs.join()).not.toContain("root@");
    home.trouble = undefined;
  });

  test.each([
    ["an unknown recipient", `nobody@${DOMAIN}`],
    ["another domain", "root@example.net"],
  ])("%s", async (_, to) => {
    expect(await send(message(), to)).toBe("refused");
    expect(await spooled()).toEqual([]);
  });

  test("more than 25 MiB", async () => {
    expect(await send(Buffer.alloc(25 * MIB + 1))).toBe("refused");
  });

  test("an unknown recipient while home is down is set aside later", async () => {
    await home.pause();
    expect(await send(message(), `nobody@${DOMAIN}`)).toBe("accepted");
    await recover();
    const [dead = ""] = await spooled("dead/");
    const object = await home.worker().bucket("SPOOL").get(dead);
    expect(object?.metadata).toMatchObject({ reason: "550 5.1.2 Mailbox does not exist." });
    await home.worker().bucket("SPOOL").delete(dead);
    expect(await spooled()).toEqual([]);
  });

  test.each(["552 5.2.2 full\r\n", "550 5.3.2 closed\r\n", "530 5.7.0 log in\r\n", "503 5.5.1 no\r\n"])(
    "not with %j",
    async (say) => {
      home.trouble = (step) => (step === "RCPT" ? { say } : undefined);
      await expectRow(message(), "accepted", 1);
    },
  );
});

describe("home is down for", () => {
  test.each([
    ["an hour", 60],
    ["three days", 3 * 24 * 60],
  ])("%s", async (_, minutes) => {
    const raws = [message(), message(), message()];
    await home.pause();
    for (const raw of raws) expect(await send(raw)).toBe("accepted");
    for (let run = 0; run < 3; run++) {
      await home.worker().advance((minutes / 3) * MINUTE_MS);
      const { logs } = await home.drain();
      expect(JSON.parse(logs[0] ?? "")).toMatchObject({ event: "spool", waiting: 3, failed: 1, stopped: "home" });
    }
    await recover();
    expect(raws.map(copies)).toEqual([1, 1, 1]);
    expect(await spooled()).toEqual([]);
  });
});

describe("the bucket", () => {
  const all = (how: "before" | "after"): BucketFault[] =>
    (["put", "get", "head", "list", "delete"] as const).map((operation) => ({ operation, how, fail: 100 }));
  test.each<[what: string, faults: readonly BucketFault[], isDown: boolean, told: Told, copies: number]>([
    ["fails altogether", all("before"), false, "accepted", 1],
    ["fails altogether, and home is down", all("before"), true, "deferred", 0],
    ["takes the claim and does not say so", [{ operation: "put", how: "after", fail: 1 }], false, "accepted", 1],
    [
      "does not take that it was delivered",
      [{ operation: "put", how: "before", skip: 1, fail: 9 }],
      false,
      "accepted",
      1,
    ],
  ])("%s", async (_, faults, isDown, told, expected) => {
    const raw = message();
    if (isDown) await home.pause();
    for (const fault of faults) await home.worker().breakBucket(fault);
    await expectRow(raw, told, expected);
    if (told !== "deferred") return;
    expect(await send(raw)).toBe("accepted");
    expect(copies(raw)).toBe(1);
  });
});

describe("copies", () => {
  test("the same event three times, and three at once", async () => {
    const [one, other] = [message(), message()];
    for (let count = 0; count < 3; count++) expect(await send(one)).toBe("accepted");
    expect(await Promise.all([send(other), send(other), send(other)])).toEqual(["accepted", "accepted", "accepted"]);
    await recover();
    expect([copies(one), copies(other), await spooled()]).toEqual([1, 1, []]);
  });

  test("the author's bytes differ: a stranger's message replaces nothing, directly and by the spool", async () => {
    for (const isDown of [false, true]) {
      // Without a Message-ID: by that the server itself suppresses the second one.
      const real = Buffer.from(`Subject: real ${Math.random()}\r\n\r\nbody\r\n`);
      const forged = Buffer.from(
        real.toString().replace("Subject: real", "Reply-To: x@evil.example\r\nSubject: forged"),
      );
      if (isDown) await home.pause();
      for (const raw of [forged, real]) expect(await send(raw)).toBe("accepted");
      await recover();
      expect([copies(forged), copies(real), await spooled()]).toEqual([1, 1, []]);
    }
  });

  test("two recipients of one account", async () => {
    const raw = message();
    expect(await send(raw)).toBe("accepted");
    expect(await send(raw, `postmaster@${DOMAIN}`)).toBe("accepted");
    expect(copies(raw)).toBe(1);
  });

  test("the cron trigger overlaps itself", async () => {
    const raws = Array.from({ length: 6 }, () => message());
    await home.pause();
    for (const raw of raws) expect(await send(raw)).toBe("accepted");
    await home.resume();
    await Promise.all([home.drain(), home.drain(), home.drain()]);
    await recover();
    expect(raws.map(copies)).toEqual(raws.map(() => 1));
    expect(await spooled()).toEqual([]);
  });
});

describe("unusual messages, directly and by the spool", () => {
  test.each<[what: string, raw: () => Buffer, from: string]>([
    [
      "24.9 MiB",
      () => Buffer.concat([message(), Buffer.alloc(Math.floor(24.9 * MIB), "0123456789\xff\0\r\n", "latin1")]),
      SENDER,
    ],
    ["an empty body", () => Buffer.from(`Message-ID: <empty${Math.random()}@x>\r\n\r\n`), SENDER],
    ["NUL bytes", () => message("a\0b\0\r\n"), SENDER],
    ["bare LF", () => Buffer.from(`Message-ID: <lf${Math.random()}@x>\nSubject: x\n\nbody\n.\nx\n`), SENDER],
    [
      "8-bit",
      () => Buffer.from(`Message-ID: <8${Math.random()}@x>\r\nSubject: Gr\xfc\xdfe\r\n\r\n\xff\xfe\r\n`, "latin1"),
      SENDER,
    ],
    ["no Message-ID", () => Buffer.from(`Subject: without id ${Math.random()}\r\n\r\nbody\r\n`), SENDER],
    ["a null sender", () => message(), ""],
  ])(
    "%s",
    async (_, make, from) => {
      const [direct, spool] = [make(), make()];
      expect(await send(direct, TO, from)).toBe("accepted");
      await home.pause();
      expect(await send(spool, TO, from)).toBe("accepted");
      await recover();
      expect([copies(direct), copies(spool), await spooled()]).toEqual([1, 1, []]);
    },
    HANGING_MS,
  );
});

test("a misconfigured Worker throws", async () => {
  for (const changes of [{ LMTP_URL: undefined }, { LMTP_URL: "http://x.example" }, { INBOUND_DELIVERY: "smtp" }]) {
    await home.switchTo("lmtp", changes);
    expect(await send(message())).toBe("deferred");
  }
  await home.switchTo("lmtp");
  expect(await send(message())).toBe("accepted");
});
