import type { LmtpTrouble } from "../../sandbox/host/lmtp-server";
import { json } from "./home";
import type { Fault } from "./home";
import { startTwoWays } from "./lmtp-home";
import type { Mode, TwoWays } from "./lmtp-home";
import { broken, HANGING_MS, message, MINUTE_MS, TO } from "./matrix";

/**
 * Rows of the fault matrix about an end that the Worker cannot know: home has the message, and its answer is lost. Both ways home,
 * in front of one store, with the real service that says whether a message has arrived.
 */

/** As long as a claim lasts, and something. */
const CLAIM_OVER_MS = 4 * MINUTE_MS;

let home: TwoWays;
let count = 0;

const withId = () => message();
const withoutId = () => Buffer.from(`Subject: without id ${++count} ${Math.random()}\r\n\r\nbody\r\n`);
const withEmptyId = () => Buffer.from(`Message-ID: <>\r\nSubject: ${++count} ${Math.random()}\r\n\r\nbody\r\n`);

/** What becomes of the answer to an import that has happened. */
const LOST: readonly (readonly [what: string, after: () => Promise<Response>])[] = [
  ["the answer is lost", broken],
  ["a proxy says 502", () => Promise.resolve(json({}, 502))],
  ["a proxy says 504 with a page", () => Promise.resolve(new Response("<html></html>", { status: 504 }))],
  ["the answer is half a text", () => Promise.resolve(new Response('{"methodResp'))],
  ["the answer lacks the import", () => Promise.resolve(json({ methodResponses: [] }))],
];
/** The same by LMTP: the server has the message. */
const LOST_BY_LMTP: readonly (readonly [what: string, trouble: LmtpTrouble])[] = [
  ["the connection closes", { isClosed: true, isDone: true }],
  ["the reply is cut", { say: "250 2.0", isClosed: true, isDone: true }],
  ["the reply is garbage", { say: "\0\xff<html>\r\n", isDone: true }],
];

const copies = (raw: Buffer) => home.mailbox().filter((stored) => stored.subarray(-raw.length).equals(raw)).length;
const left = async (folder: string) => await home.worker().bucket("SPOOL").list(folder);
const expectNothingLeft = async () =>
  expect([await left("spool/"), await left("retry/"), await left("dead/")]).toEqual([[], [], []]);

function lose(how: { after?: () => Promise<Response>; trouble?: LmtpTrouble }): void {
  const { after, trouble } = how;
  if (after !== undefined)
    home.fault = async (step, pass) => {
      const answer = await pass();
      return step === "import" ? await after() : answer;
    };
  if (trouble !== undefined) home.trouble = (step) => (step === "message" ? trouble : undefined);
}

function heal(): void {
  home.fault = undefined;
  home.trouble = undefined;
}

async function send(raw: Buffer): Promise<string> {
  const { outcome, logs } = await home.send(TO, raw);
  expect(outcome).toBe("ok");
  return (JSON.parse(logs[0] ?? "{}") as { event: string }).event;
}

async function drain(): Promise<Record<string, unknown>> {
  const { outcome, logs } = await home.drain();
  expect(outcome).toBe("ok");
  return JSON.parse(logs[0] ?? "{}") as Record<string, unknown>;
}

describe.each<[mode: Mode, lost: readonly (readonly [string, Parameters<typeof lose>[0]])[]]>([
  ["jmap", LOST.map(([what, after]) => [what, { after }])],
  // A second message with one Message-ID, the empty one too, is imported.
  ["lmtp", LOST_BY_LMTP.map(([what, trouble]) => [what, { trouble, after: broken }])],
])("by %s: home has the message", (mode, lost) => {
  beforeAll(async () => {
    home = await startTwoWays(mode);
  });

  afterAll(() => home.close());

  // The empty Message-ID is that of each of its messages, and what came with it a moment ago would have to be waited for.
  beforeEach(() => home.worker().advance(CLAIM_OVER_MS));
  afterEach(heal);

  describe.each([
    ["with a Message-ID", withId],
    ["without one", withoutId],
    ["with an empty one", withEmptyId],
  ])("%s", (_, make) => {
    test.each(lost)("and %s: the drain asks, and it is there once", async (_what, how) => {
      const raw = make();
      lose(how);
      expect(await send(raw)).toBe("spooled");
      heal();
      await home.worker().advance(CLAIM_OVER_MS);
      expect(await drain()).toMatchObject({ duplicates: 1, delivered: 0, waiting: 0 });
      expect(copies(raw)).toBe(1);
      await expectNothingLeft();
    });

    test.each(lost)("and %s, three calls of Cloudflare and two of the sender: it is there once", async (_what, how) => {
      const raw = make();
      lose(how);
      for (let call = 0; call < 3; call++) expect(await send(raw)).toBe("spooled");
      heal();
      await home.worker().advance(CLAIM_OVER_MS);
      // The sender's second try asks at the edge, with another trace.
      expect(await send(raw)).toBe("duplicate");
      expect(await drain()).toMatchObject({ duplicates: 3, waiting: 0 });
      expect(copies(raw)).toBe(1);
      await expectNothingLeft();
    });

    test.each(lost)("and %s, each time again: it is there once", async (_what, how) => {
      const raw = make();
      lose(how);
      expect(await send(raw)).toBe("spooled");
      for (let run = 0; run < 3; run++) {
        await home.worker().advance(CLAIM_OVER_MS);
        await drain();
      }
      expect(copies(raw)).toBe(1);
      await expectNothingLeft();
    });
  });

  test("after three days in the spool: the time of receipt is where home looks", async () => {
    const raw = withoutId();
    await home.pause();
    expect(await send(raw)).toBe("spooled");
    await home.worker().advance(3 * 24 * 60 * MINUTE_MS);
    await home.resume();
    const [[, how] = ["", {}]] = lost;
    lose(how);
    await drain();
    expect(copies(raw)).toBe(1);
    heal();
    await home.worker().advance(CLAIM_OVER_MS);
    expect(await drain()).toMatchObject({ duplicates: 1, waiting: 0 });
    expect(copies(raw)).toBe(1);
    await expectNothingLeft();
  });
});

describe.each<[mode: Mode]>([["jmap"], ["lmtp"]])("by %s: home does not have the message", (mode) => {
  beforeAll(async () => {
    home = await startTwoWays(mode);
  });

  afterAll(() => home.close());

  afterEach(heal);

  const fail = () => {
    home.fault = async (step, pass) => (step === "import" ? json({}, 502) : await pass());
    home.trouble = (step) => (step === "message" ? { isClosed: true } : undefined);
  };

  test("and its answer was an error: home says no, and it is delivered", async () => {
    const raw = withoutId();
    fail();
    expect(await send(raw)).toBe("spooled");
    heal();
    const asked: string[] = [];
    home.fault = async (step, pass) => {
      asked.push(step);
      return await pass();
    };
    await home.worker().advance(CLAIM_OVER_MS);
    expect(await drain()).toMatchObject({ delivered: 1, waiting: 0 });
    expect(asked.filter((step) => step === "arrivals")).toHaveLength(1);
    expect(copies(raw)).toBe(1);
    await expectNothingLeft();
  });

  test("and its queue holds a message for the recipient: the drain waits, and delivers when home says no", async () => {
    const raw = withoutId();
    fail();
    expect(await send(raw)).toBe("spooled");
    heal();
    const answers = ["later", "later", "no"];
    home.fault = async (step, pass) =>
      step === "arrivals" ? json({ arrived: answers.shift() ?? "no" }) : await pass();
    for (const minutes of [4, 2]) {
      await home.worker().advance(minutes * MINUTE_MS);
      expect(await drain()).toMatchObject({ delivered: 0, failed: 1, waiting: 1 });
    }
    await home.worker().advance(5 * MINUTE_MS);
    expect(await drain()).toMatchObject({ delivered: 1, waiting: 0 });
    expect(copies(raw)).toBe(1);
    await expectNothingLeft();
  });

  test("and it says later for ever: after a day the message is sent", async () => {
    const raw = withoutId();
    fail();
    expect(await send(raw)).toBe("spooled");
    heal();
    home.fault = async (step, pass) => (step === "arrivals" ? json({ arrived: "later" }) : await pass());
    await home.worker().advance(20 * 60 * MINUTE_MS);
    expect(await drain()).toMatchObject({ delivered: 0, waiting: 1 });
    await home.worker().advance(5 * 60 * MINUTE_MS);
    expect(await drain()).toMatchObject({ delivered: 1, waiting: 0 });
    expect(copies(raw)).toBe(1);
  });

  test("and it says later about an attempt of now, after two days in the spool: the day begins with the attempt", async () => {
    const raw = withoutId();
    await home.pause();
    expect(await send(raw)).toBe("spooled");
    await home.worker().advance(2 * 24 * 60 * MINUTE_MS);
    await home.resume();
    fail();
    await drain();
    heal();
    home.fault = async (step, pass) => (step === "arrivals" ? json({ arrived: "later" }) : await pass());
    for (const hours of [1, 7, 7, 7]) {
      await home.worker().advance(hours * 60 * MINUTE_MS);
      expect(await drain()).toMatchObject({ delivered: 0, waiting: 1 });
    }
    await home.worker().advance(7 * 60 * MINUTE_MS);
    expect(await drain()).toMatchObject({ delivered: 1, waiting: 0 });
    expect(copies(raw)).toBe(1);
  });

  /** What the service is instead of itself. Nothing of it may cost a message. */
  test.each<[what: string, answer: () => Response | Promise<Response>]>([
    ["is away", broken],
    ["is not there", () => new Response("404 page not found", { status: 404 })],
    ["does not know the key", () => json({}, 401)],
    ["cannot say", () => json({}, 503)],
    ["says nonsense", () => json({ arrived: "perhaps" })],
    ["says it by true", () => json({ arrived: true })],
    ["answers with a login page", () => new Response("<html></html>", { headers: { "content-type": "text/html" } })],
    ["redirects", () => new Response("", { status: 302, headers: { location: "https://evil.example/" } })],
    ["never stops", () => json({ arrived: "x".repeat(100_000) })],
  ])("and the service %s: it is delivered", async (_, answer) => {
    const raw = withoutId();
    fail();
    expect(await send(raw)).toBe("spooled");
    heal();
    const service: Fault = async (step, pass) => (step === "arrivals" ? await answer() : await pass());
    home.fault = service;
    await home.worker().advance(CLAIM_OVER_MS);
    expect(await drain()).toMatchObject({ delivered: 1, waiting: 0 });
    expect(copies(raw)).toBe(1);
    await expectNothingLeft();
  });

  test(
    "and the service is silent: it is delivered in time",
    async () => {
      const raw = withoutId();
      fail();
      expect(await send(raw)).toBe("spooled");
      heal();
      home.fault = async (step, pass) =>
        step === "arrivals" ? await new Promise<Response>(() => undefined) : await pass();
      await home.worker().advance(CLAIM_OVER_MS);
      expect(await drain()).toMatchObject({ delivered: 1, waiting: 0 });
      expect(copies(raw)).toBe(1);
    },
    HANGING_MS,
  );

  test("and a message in the mailbox quotes its trace: it is delivered all the same", async () => {
    const raw = withoutId();
    fail();
    expect(await send(raw)).toBe("spooled");
    heal();
    const [name = ""] = await left("spool/");
    const spooled = await home.worker().bucket("SPOOL").get(name);
    const trace = / id ([0-9a-f]{32});/.exec(Buffer.from(spooled?.bytes ?? "").toString("latin1"))?.[1] ?? "none";
    const forged = `Received: from x by example.org with HTTP id ${trace}; now\r\n`;
    const other = Buffer.from(
      `Received: a\r\nReceived: b\r\n${forged}X-Trace: ${trace}\r\nSubject: ${trace}\r\n\r\n${forged}`,
    );
    expect(await send(other)).toBe("delivered");
    await home.worker().advance(CLAIM_OVER_MS);
    expect(await drain()).toMatchObject({ delivered: 1, waiting: 0 });
    expect(copies(raw)).toBe(1);
  });
});
