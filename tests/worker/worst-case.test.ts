import { EVENT_MS, HOME_MS, LEDGER_MS, SPOOL_MS } from "../../worker/src/budgets";
import { bindings, DOMAIN, SPOOL, startHome } from "./home";
import type { Fault, Home } from "./home";

/**
 * The longest events that there can be, in real time: every answer of home comes in its last moment or never, and every
 * one of the bucket in its last moment or never. Both run at the same time.
 */

const TO = `root@${DOMAIN}`;
const RAW = Buffer.from("Message-ID: <1@remote.example>\r\n\r\nbody\r\n");
const CALL_MS = 5_000;
/** What a slow machine takes to notice. */
const MARGIN_MS = 700;
const BUDGET_MS = 60_000;
const CLAIM_OVER_MS = 5 * 60_000;

let homes: readonly [slow: Home, hanging: Home];

beforeAll(async () => {
  homes = [await startHome([...bindings(), SPOOL]), await startHome([...bindings(), SPOOL])];
});

afterAll(() => Promise.all(homes.map((home) => home.close())));

/** The session and the lookup take nearly all of home's time, so that the claim begins in its last moment. */
const worst: Fault = async (step, pass) => {
  if (step !== "session" && step !== "lookup") return await new Promise(() => undefined);
  const answer = await pass();
  // The session is two requests: the first one redirects.
  if (answer.status === 200) await new Promise((resolve) => setTimeout(resolve, CALL_MS - MARGIN_MS));
  return answer;
};

async function event(home: Home) {
  const started = performance.now();
  const { outcome, rejectReason, logs } = await home.deliver(TO, RAW, worst);
  const steps = (JSON.parse(logs[0] ?? "") as { steps: Record<string, number> }).steps;
  return { outcome, rejectReason, ms: performance.now() - started, steps };
}

test(
  "end before Email Routing gives up: spooled when the bucket is slow, with the sender when it hangs",
  async () => {
    const [slow, hanging] = homes;
    const late = { operation: "put", how: "slow", fail: 9 } as const;
    await slow.worker.breakBucket({ ...late, prefix: "ledger/", delayMs: LEDGER_MS - MARGIN_MS });
    await slow.worker.breakBucket({ ...late, prefix: "spool/", delayMs: SPOOL_MS - MARGIN_MS });
    await hanging.worker.breakBucket({ ...late, prefix: "ledger/", delayMs: LEDGER_MS - MARGIN_MS });
    await hanging.worker.breakBucket({ operation: "put", how: "hang", fail: 9, prefix: "spool/" });

    const [spooled, thrown] = await Promise.all([event(slow), event(hanging)]);
    for (const { ms, steps, rejectReason } of [spooled, thrown]) {
      expect(ms).toBeLessThan(EVENT_MS);
      // It is the longest one: home had all its time, and the bucket's came after it.
      expect(ms).toBeGreaterThan(HOME_MS + SPOOL_MS - MARGIN_MS);
      expect(steps["upload"]).toBeGreaterThan(CALL_MS);
      expect(rejectReason).toBeUndefined();
    }
    expect([spooled.outcome, thrown.outcome]).toEqual(["ok", "exception"]);
    expect(await slow.worker.bucket("SPOOL").list("spool/")).toHaveLength(1);

    await slow.worker.advance(CLAIM_OVER_MS);
    await slow.drain();
    expect(slow.server.mailbox(TO)).toHaveLength(1);
    expect(await slow.worker.bucket("SPOOL").list("spool/")).toEqual([]);
    expect(hanging.server.mailbox(TO)).toEqual([]);
  },
  BUDGET_MS,
);
