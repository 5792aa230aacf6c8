import { bindings, DOMAIN, json, PUBLIC, redirect, SPOOL, startHome } from "./home";
import type { Fault, Home, Step } from "./home";
import type { BucketFault } from "../../sandbox/edge/harness";

/**
 * The fault matrix: the bundle in real workerd with a real bucket, in front of the sandbox's JMAP server. Each row says what
 * the sender is told, and how many copies are in the mailbox when home is well again and the cron trigger has run.
 */

const TO = `root@${DOMAIN}`;
const SENDER = "sender@remote.example";
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const MIB = 1024 * 1024;
/** Longer than an event may take. */
const HANGING_MS = 60_000;
/** What Email Routing is sure to wait for. */
const EVENT_MS = 20_000;

type Told = "accepted" | "deferred" | "refused";

let home: Home;
let messages = 0;

beforeAll(async () => {
  home = await startHome([...bindings(), SPOOL]);
});

afterAll(() => home.close());

/** A message that was never sent before. */
function message(body = "body\r\n"): Buffer {
  return Buffer.from(`Message-ID: <${++messages}@remote.example>\r\nSubject: matrix\r\n\r\n${body}`);
}

async function send(raw: Buffer, fault?: Fault, to = TO, from?: string): Promise<Told> {
  const { outcome, rejectReason } = await home.deliver(to, raw, fault, from);
  if (rejectReason !== undefined) return "refused";
  return outcome === "ok" ? "accepted" : "deferred";
}

function copies(raw: Buffer, to = TO): number {
  return home.server.mailbox(to).filter((stored) => stored.raw.subarray(-raw.length).equals(raw)).length;
}

function spooled(folder = "spool/"): Promise<readonly string[]> {
  return home.worker.bucket("SPOOL").list(folder);
}

/** Everything is well again, claims are over, and the cron trigger runs. */
async function recover(): Promise<void> {
  for (const operation of ["put", "get", "head", "list", "delete"] as const)
    await home.worker.breakBucket({ operation, fail: 0 });
  await home.server.resume().catch(() => undefined);
  await home.worker.advance(5 * MINUTE_MS);
  expect(await home.drain()).toMatchObject({ outcome: "ok" });
}

function at(step: Step, answer: () => Response | Promise<Response>): Fault {
  return async (current, pass) => (current === step ? await answer() : await pass());
}

function always(answer: () => Response | Promise<Response>): Fault {
  return async () => await answer();
}

const importAnswer = (result: object) => () =>
  json({ methodResponses: [["Email/import", { accountId: "c", ...result }, "i"]] });
const methodError = (type: string) => () =>
  json({ methodResponses: ["0", "m", "i"].map((callId) => ["error", { type }, callId]) });
const broken = () => Promise.reject<Response>(new Error("gone"));

const FAULTS: readonly (readonly [what: string, fault: Fault, told: Told, copies: number])[] = [
  ["the connection breaks", always(broken), "accepted", 1],
  ...[401, 403, 404, 413, 429, 500, 502, 530].map(
    (status) =>
      [`status ${status}`, always(() => json({ type: "about:blank", status }, status)), "accepted", 1] as const,
  ),
  ["an HTML page", always(() => new Response("<html></html>")), "accepted", 1],
  ["half a JSON text", always(() => new Response('{"methodResponses":[[')), "accepted", 1],
  ["a redirect to a login", always(() => redirect(`${PUBLIC}/login`)), "accepted", 1],
  ["the upload is done, the import answers 500", at("import", () => json({}, 500)), "accepted", 1],
  ["the upload is done, the import answers 403", at("import", () => json({}, 403)), "accepted", 1],
  ["the import is done, its answer is lost", lostImport, "accepted", 2],
  [
    "the import is done, a proxy answers 502",
    async (step, pass) => (step === "import" ? (await pass(), json({}, 502)) : await pass()),
    "accepted",
    2,
  ],
  ["over quota", at("import", importAnswer({ notCreated: { message: { type: "overQuota" } } })), "accepted", 1],
  [
    "an unknown mailbox",
    at("import", importAnswer({ notCreated: { message: { type: "invalidProperties", properties: ["mailboxIds"] } } })),
    "accepted",
    1,
  ],
  ["an account id that home does not know", at("import", methodError("serverUnavailable")), "accepted", 1],
  ["an account that was not found", at("import", methodError("accountNotFound")), "accepted", 1],
  ["no permission", at("import", methodError("forbidden")), "accepted", 1],
  [
    "an invalid message",
    at("import", importAnswer({ notCreated: { message: { type: "invalidEmail" } } })),
    "refused",
    0,
  ],
];

/** One copy too many is what a lost answer may cost: nobody but the server knows, and the key may not ask it. */
async function lostImport(step: Step, pass: () => Promise<Response>): Promise<Response> {
  const answer = await pass();
  return step === "import" ? await broken() : answer;
}

describe.each([
  ["warm", 0],
  ["cold", 11 * MINUTE_MS],
])("home, %s", (_, pauseMs) => {
  test.each(FAULTS)("%s", async (_, fault, told, expected) => {
    const raw = message();
    await send(message());
    await home.worker.advance(pauseMs);
    expect(await send(raw, fault)).toBe(told);
    await recover();
    expect(copies(raw)).toBe(expected);
    expect([await spooled(), await spooled("retry/"), await spooled("dead/")]).toEqual([[], [], []]);
  });

  test.each([
    ["an hour", HOUR_MS],
    ["three days", 3 * DAY_MS],
  ])("is down for %s", async (_, downMs) => {
    await home.worker.advance(pauseMs);
    const raws = [message(), message(), message()];
    const before = Date.now();
    await home.server.pause();
    for (const raw of raws) expect(await send(raw)).toBe("accepted");
    expect((await spooled()).length).toBe(3);
    for (let run = 0; run < 3; run++) {
      await home.worker.advance(downMs / 3);
      const { logs } = await home.drain();
      expect(JSON.parse(logs[0] ?? "")).toMatchObject({ event: "spool", waiting: 3, failed: 1, stopped: "home" });
    }
    await home.server.resume();
    const { logs } = await home.drain();
    expect(JSON.parse(logs[0] ?? "")).toMatchObject({
      delivered: 3,
      waiting: 0,
      bytes: 0,
      oldestSeconds: 0,
      failed: 0,
    });
    expect(raws.map((raw) => copies(raw))).toEqual([1, 1, 1]);
    expect(await spooled()).toEqual([]);
    // Received when the edge took it, not when home did; the Worker's clock is ahead by what other tests added.
    const received = home.server
      .mailbox(TO)
      .slice(-3)
      .map(({ receivedAt }) => Date.parse(receivedAt));
    const [{ receivedAt: now } = { receivedAt: "" }] = (await send(message()), home.server.mailbox(TO).slice(-1));
    for (const time of received) expect(Date.parse(now) - time).toBeGreaterThan(downMs - MINUTE_MS);
    expect(before).toBeGreaterThan(0);
  });
});

describe("what is refused", () => {
  test.each<[what: string, to: string, raw: () => Buffer]>([
    ["an unknown recipient", `nobody@${DOMAIN}`, () => message()],
    ["another domain", "root@example.net", () => message()],
    ["more than 25 MiB", TO, () => Buffer.alloc(25 * MIB + 1)],
  ])("%s", async (_, to, raw) => {
    expect(await send(raw(), undefined, to)).toBe("refused");
    expect(await spooled()).toEqual([]);
  });

  test("an unknown recipient while home is down is set aside later", async () => {
    const raw = message();
    await home.server.pause();
    expect(await send(raw, undefined, `nobody@${DOMAIN}`)).toBe("accepted");
    await recover();
    expect(await spooled()).toEqual([]);
    const [dead = ""] = await spooled("dead/");
    const object = await home.worker.bucket("SPOOL").get(dead);
    expect(object?.bytes.subarray(-raw.length).equals(raw)).toBe(true);
    expect(object?.metadata).toMatchObject({
      to: `nobody@${DOMAIN}`,
      reason: "550 5.1.1 There is no such mailbox here.",
    });
    await home.worker.bucket("SPOOL").delete(dead);
  });
});

const all = (how: "before" | "after"): BucketFault[] =>
  (["put", "get", "head", "list", "delete"] as const).map((operation) => ({ operation, how, fail: 100 }));

describe("the bucket", () => {
  test.each<[what: string, faults: readonly BucketFault[], isHomeDown: boolean, told: Told, copies: number]>([
    ["fails altogether", all("before"), false, "accepted", 1],
    ["fails altogether, and home is down", all("before"), true, "deferred", 0],
    ["takes the claim and does not say so", [{ operation: "put", how: "after", fail: 1 }], false, "accepted", 1],
    ["does not say what was delivered", [{ operation: "head", how: "before", fail: 1 }], false, "accepted", 1],
    [
      "does not take that it was delivered",
      [{ operation: "put", how: "before", skip: 1, fail: 9 }],
      false,
      "accepted",
      1,
    ],
    [
      "does not take the message, and home is down",
      [{ operation: "put", fail: 1, prefix: "spool/" }],
      true,
      "deferred",
      0,
    ],
    [
      "takes the message and does not say so",
      [{ operation: "put", how: "after", fail: 1, prefix: "spool/" }],
      true,
      "deferred",
      1,
    ],
  ])("%s", async (_, faults, isHomeDown, told, expected) => {
    const raw = message();
    if (isHomeDown) await home.server.pause();
    for (const fault of faults) await home.worker.breakBucket(fault);
    expect(await send(raw)).toBe(told);
    await recover();
    expect(copies(raw)).toBe(expected);
    expect(await spooled()).toEqual([]);
    if (told !== "deferred") return;
    // The sender still has it, and tries again.
    expect(await send(raw)).toBe("accepted");
    expect(copies(raw)).toBe(1);
  });

  test.each<[what: string, fault: BucketFault]>([
    ["list", { operation: "list", fail: 1 }],
    ["get", { operation: "get", fail: 1, prefix: "spool/" }],
    ["delete", { operation: "delete", fail: 1, prefix: "spool/" }],
    ["delete, which was done", { operation: "delete", fail: 1, prefix: "spool/", how: "after" }],
    ["put of the claim", { operation: "put", fail: 1, prefix: "ledger/" }],
    ["head", { operation: "head", fail: 1 }],
  ])("fails in the drain on %s", async (_, fault) => {
    const raw = message();
    await home.server.pause();
    expect(await send(raw)).toBe("accepted");
    await home.server.resume();
    await home.worker.breakBucket(fault);
    await home.drain();
    await recover();
    expect(copies(raw)).toBe(1);
    expect(await spooled()).toEqual([]);
  });
});

describe("copies", () => {
  test("the same event three times, and three at once", async () => {
    const [one, other] = [message(), message()];
    expect([await send(one), await send(one), await send(one)]).toEqual(["accepted", "accepted", "accepted"]);
    expect(await Promise.all([send(other), send(other), send(other)])).toEqual(["accepted", "accepted", "accepted"]);
    await recover();
    expect([copies(one), copies(other), await spooled()]).toEqual([1, 1, []]);
  });

  test("the same event three times while home is down", async () => {
    const raw = message();
    await home.server.pause();
    for (let count = 0; count < 3; count++) expect(await send(raw)).toBe("accepted");
    await recover();
    expect([copies(raw), await spooled()]).toEqual([1, []]);
  });

  test("two recipients of one account, whichever way each of them came", async () => {
    const raw = message();
    expect(await send(raw)).toBe("accepted");
    await home.server.pause();
    expect(await send(raw, undefined, `postmaster@${DOMAIN}`)).toBe("accepted");
    await recover();
    expect([copies(raw), await spooled()]).toEqual([1, []]);
  });

  test("the cron trigger overlaps itself", async () => {
    const raws = Array.from({ length: 6 }, () => message());
    await home.server.pause();
    for (const raw of raws) expect(await send(raw)).toBe("accepted");
    await home.server.resume();
    const slow: Fault = async (_, pass) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return await pass();
    };
    await Promise.all([home.drain(slow), home.drain(slow), home.drain(slow)]);
    await recover();
    expect(raws.map((raw) => copies(raw))).toEqual(raws.map(() => 1));
    expect(await spooled()).toEqual([]);
  });
});

describe("unusual messages take the way over the spool unchanged", () => {
  test.each<[what: string, raw: Buffer, from: string]>([
    [
      "24.9 MiB",
      Buffer.concat([message(), Buffer.alloc(Math.floor(24.9 * MIB), "0123456789\xff\0\r\n", "latin1")]),
      SENDER,
    ],
    ["an empty body", Buffer.from("Message-ID: <empty@x>\r\n\r\n"), SENDER],
    ["NUL bytes", message("a\0b\0\r\n"), SENDER],
    ["bare LF", Buffer.from("Message-ID: <lf@x>\nSubject: x\n\nbody\n"), SENDER],
    ["8-bit", Buffer.from("Message-ID: <8@x>\r\nSubject: Gr\xfc\xdfe\r\n\r\n\xff\xfe\r\n", "latin1"), SENDER],
    ["no Message-ID", Buffer.from("Subject: without id\r\n\r\nbody\r\n"), SENDER],
    ["no headers at all", Buffer.from("\r\nonly a body\r\n"), SENDER],
    ["a null sender", message(), ""],
  ])(
    "%s",
    async (_, raw, from) => {
      await home.server.pause();
      expect(await send(raw, undefined, TO, from)).toBe("accepted");
      await recover();
      expect(await send(raw, undefined, TO, from)).toBe("accepted");
      expect([copies(raw), await spooled()]).toEqual([1, []]);
      const stored = home.server.mailbox(TO).at(-1)?.raw.toString("latin1") ?? "";
      expect(stored.startsWith(`Return-Path: <${from}>\r\nDelivered-To: ${TO}\r\n`)).toBe(true);
    },
    HANGING_MS,
  );
});

test(
  "home hangs, and the bucket hangs: the sender is told in time",
  async () => {
    const never = always(() => new Promise<Response>(() => undefined));
    for (const operation of ["put", "head"] as const)
      await home.worker.breakBucket({ operation, fail: 100, how: "hang" });
    const raw = message();
    const started = Date.now();
    expect(await send(raw, never)).toBe("deferred");
    expect(Date.now() - started).toBeLessThan(EVENT_MS);
    await recover();
    expect([copies(raw), await spooled()]).toEqual([0, []]);
  },
  HANGING_MS,
);

test(
  "a slow upload goes to the spool",
  async () => {
    const slow = at("upload", () => new Promise<Response>(() => undefined));
    const raw = message();
    const started = Date.now();
    expect(await send(raw, slow)).toBe("accepted");
    expect(Date.now() - started).toBeLessThan(EVENT_MS);
    await recover();
    expect([copies(raw), await spooled()]).toEqual([1, []]);
  },
  HANGING_MS,
);
