import { setTimeout as sleep } from "node:timers/promises";
import { temporaryFolder } from "../../sandbox/temporary";
import { bindings, SPOOL, startHome } from "./home";
import type { Fault, Home } from "./home";
import { arrivedIds, FIRST_AT, INTERVAL_MS, seededSize, seedSpool, spoolReport } from "./spooled";

/** A long outage is over: the bundle in real workerd brings home what waits in a real bucket, run after run of the clock. */

const MESSAGES = 10_000;
/** Of the run that is ended from outside. */
const STOPPED_RUN = 3;
const STOP_AFTER_UPLOADS = 40;
/** Nothing is under way any more after that. */
const QUIET_MS = 1_000;
/** A claim whose holder has died is over. */
const CLAIM_OVER_MS = 4 * 60_000;
const TOLERANCE_SECONDS = 5;
/** Some 90 s on two cores of their own, nearly all of it in the simulated R2. */
const BUDGET_MS = 1_800_000;
/** On a machine so slow that time ends the runs. */
const MOST_RUNS = 500;
/** Unless its time is over. */
const MIN_PER_RUN = 80;

const folder = temporaryFolder();
let home: Home;

const start = () => startHome([...bindings(), SPOOL], { r2Folder: folder.path });

beforeAll(async () => {
  await seedSpool(folder.path, MESSAGES);
  home = await start();
}, BUDGET_MS);

afterAll(async () => {
  await home.close();
  folder.remove();
});

test(
  "10,000 spooled messages come home, each once, also when a run is stopped in its middle",
  async () => {
    const left = new Map(Array.from({ length: MESSAGES }, (_, id) => [id, seededSize(id)]));
    const arrived: number[] = [];
    let aheadMs = 0;
    for (let runs = 1; left.size > 0; runs += 1) {
      expect(runs).toBeLessThan(MOST_RUNS);
      if (runs === STOPPED_RUN) {
        await stopInTheMiddle();
        arrived.push(...arrivedIds(home));
        await home.close();
        home = await start();
        await home.worker.advance((aheadMs = CLAIM_OVER_MS));
        for (const id of arrived) left.delete(id);
        continue;
      }
      const before = arrivedIds(home).length;
      const { outcome, logs } = await home.drain();
      expect(outcome).toBe("ok");
      const line = spoolReport(logs);
      for (const id of arrivedIds(home).slice(before)) left.delete(id);
      const [oldest = Infinity] = left.keys();
      const ageSeconds = left.size === 0 ? 0 : (Date.now() + aheadMs - FIRST_AT - oldest * INTERVAL_MS) / 1_000;
      const bytes = [...left.values()].reduce((sum, size) => sum + size, 0);
      expect(line).toMatchObject({ waiting: left.size, bytes, failed: 0 });
      expect(Math.abs(line.oldestSeconds - ageSeconds)).toBeLessThan(TOLERANCE_SECONDS);
      expect(left.size === 0 || line.delivered >= MIN_PER_RUN || line.stopped === "time").toBe(true);
    }
    arrived.push(...arrivedIds(home));
    expect(arrived.length).toBe(MESSAGES);
    expect(new Set(arrived).size).toBe(MESSAGES);
    const bucket = home.worker.bucket("SPOOL");
    expect([await bucket.list("spool/"), await bucket.list("retry/"), await bucket.list("dead/")]).toEqual([
      [],
      [],
      [],
    ]);
  },
  BUDGET_MS,
);

/** From one upload on home says nothing more; when both lanes hang there, workerd is ended. */
async function stopInTheMiddle(): Promise<void> {
  let uploads = 0;
  let held = 0;
  const hold: Fault = async (step, pass) => {
    if (step === "upload" && uploads++ >= STOP_AFTER_UPLOADS) {
      held++;
      return await new Promise<Response>(() => undefined);
    }
    return await pass();
  };
  const run = home.drain(hold).catch(() => undefined);
  while (held === 0) await sleep(QUIET_MS / 10);
  await sleep(QUIET_MS);
  expect(held).toBe(2);
  await home.worker.dispose();
  await run;
}
