import { at, json, PUBLIC, redirect } from "./home";
import type { Fault, Step } from "./home";
import {
  always,
  broken,
  copies,
  EVENT_MS,
  HANGING_MS,
  home,
  message,
  MINUTE_MS,
  recover,
  send,
  spooled,
  TO,
  useHome,
} from "./matrix";
import type { Told } from "./matrix";

/** Rows of the fault matrix (matrix.ts) about what home answers, or does not. */

const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

useHome();

const importAnswer = (result: object) => () =>
  json({ methodResponses: [["Email/import", { accountId: "c", ...result }, "i"]] });
const methodError = (type: string) => () =>
  json({ methodResponses: ["0", "m", "i"].map((callId) => ["error", { type }, callId]) });

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
  ["the import is done, its answer is lost", lostImport, "accepted", 1],
  [
    "the import is done, a proxy answers 502",
    async (step, pass) => (step === "import" ? (await pass(), json({}, 502)) : await pass()),
    "accepted",
    1,
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
