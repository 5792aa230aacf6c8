import { temporaryFolder } from "../../sandbox/temporary";
import type { TemporaryFolder } from "../../sandbox/temporary";
import type { InvocationLimits } from "../../sandbox/edge/harness";
import { ALERTS, bindings, SPOOL, startHome } from "./home";
import type { Fault, Home } from "./home";
import { arrivedIds, seedSpool, spoolReport } from "./spooled";
import type { SpoolReport } from "./spooled";

/** The platform refuses what is too much for an invocation; the run must have ended before, or be none the worse for it. */

const FREE: InvocationLimits = { requests: 50, operations: 1_000 };
const PAID: InvocationLimits = { requests: 10_000, operations: 10_000 };
const BUDGET_MS = 120_000;

let folder: TemporaryFolder;
let home: Home;
let alerts: number;

beforeEach(() => {
  folder = temporaryFolder();
  alerts = 0;
});

afterEach(async () => {
  await home.close();
  folder.remove();
});

async function spoolOf(messages: number, limits: InvocationLimits): Promise<void> {
  await seedSpool(folder.path, messages);
  home = await startHome([...bindings({ ALERT_URL: `${ALERTS}/topic`, ALERT_AFTER_MINUTES: "30" }), SPOOL], {
    r2Folder: folder.path,
  });
  await home.worker.limit(limits);
}

const withAlerts: Fault = async (step, pass) => {
  if (step !== "alert") return await pass();
  alerts++;
  return await Promise.resolve(new Response(""));
};

async function run(): Promise<SpoolReport> {
  const { outcome, logs } = await home.drain(withAlerts);
  expect(outcome).toBe("ok");
  return spoolReport(logs);
}

test(
  "the free plan carries 20 in a run, tells of what waits, and loses and doubles nothing where it is refused",
  async () => {
    const messages = 50;
    await spoolOf(messages, FREE);
    const lines: SpoolReport[] = [];
    for (let line = await run(); ; line = await run()) {
      lines.push(line);
      if (line.waiting === 0) break;
    }
    expect(lines.length).toBe(3);
    for (const { failed, duplicates } of lines) expect([failed, duplicates]).toEqual([0, 0]);
    for (const { delivered, stopped, requests } of lines.slice(0, -1)) {
      expect(delivered).toBeGreaterThanOrEqual(20);
      expect(stopped).toBe("limit");
      // It went on until it was refused, because the paid plan would not have refused.
      expect(requests).toBeGreaterThan(50);
    }
    expect([lines[0]?.alert, lines[1]?.alert, alerts]).toEqual(["sent", "sent already", 1]);
    expect([...arrivedIds(home)].sort((a, b) => a - b)).toEqual(Array.from({ length: messages }, (_, id) => id));
    expect(await home.worker.bucket("SPOOL").list("retry/")).toEqual([]);
  },
  BUDGET_MS,
);

test(
  "elsewhere a run ends before 1,000 requests and operations, which nothing refuses",
  async () => {
    await spoolOf(250, PAID);
    const line = await run();
    expect(line.requests + line.operations).toBeLessThan(1_000);
    expect(line).toMatchObject({ delivered: arrivedIds(home).length, waiting: 250 - line.delivered, failed: 0 });
    expect(line.stopped === "limit" ? line.delivered : Infinity).toBeGreaterThan(80);
  },
  BUDGET_MS,
);
