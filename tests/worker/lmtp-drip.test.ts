import { systemClock } from "../../worker/src/clock";
import { LMTP_BUDGETS } from "../../worker/src/lmtp/budgets";
import { openLmtp } from "../../worker/src/lmtp/client";
import type { ByteStream } from "../../worker/src/lmtp/stream";

const DRIP_MS = 20;
const GREETING_MS = 200;

/** Says one more character of an endless line again and again. */
const dripping: ByteStream = {
  read: () => new Promise((resolve) => setTimeout(() => resolve(new Uint8Array([0x32])), DRIP_MS)),
  write: () => Promise.resolve(),
  close: () => undefined,
};

test("a reply has its time as a whole, and not for each piece of it", async () => {
  const started = Date.now();
  const opening = openLmtp(dripping, {
    name: "worker.example.org",
    budgets: { ...LMTP_BUDGETS, greetingMs: GREETING_MS },
    clock: systemClock,
    pipelinesBdat: false,
    until: started + LMTP_BUDGETS.totalMs,
  });
  await expect(opening).rejects.toThrow("lmtp greeting: no answer in time");
  expect(Date.now() - started).toBeLessThan(10 * GREETING_MS);
});
