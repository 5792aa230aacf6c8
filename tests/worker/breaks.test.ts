import { createServer } from "node:net";

import { type BreakName, BREAKS } from "../../sandbox/breaks";
import { silent } from "../../sandbox/progress";
import { run, type RunReport } from "../../sandbox/run";
import { NotDelivered } from "../../sandbox/send";
import { REASONS, REFUSED_AT_ONCE, SPOOLED } from "../break-reasons";

const BUDGET_MS = 60_000;

function sandbox(broken?: BreakName): ReturnType<typeof run> {
  const options = { stack: "prod", progress: silent, withoutEngine: true };
  return run(broken === undefined ? options : { ...options, break: broken });
}

/** Why the run failed; one that succeeds is closed as well, or the tests would never end. */
async function failure(broken: BreakName): Promise<Error> {
  let report: RunReport;
  try {
    report = await sandbox(broken);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
  await report.outside.close();
  return new Error(`with ${broken} broken the run succeeded`);
}

test(
  "a whole topology delivers to the address, a tagged one, an alias and an unknown one",
  async () => {
    const { deliveries, spooled, outside, resources, changes, engine, autoconfig } = await sandbox();
    try {
      expect(deliveries.map(({ recipient }) => recipient)).toEqual([
        "root@augustin.ai",
        "root+tag@augustin.ai",
        "postmaster@augustin.ai",
        "whoever@augustin.ai",
      ]);
      for (const { reply, sent, stored, traceBytes } of deliveries) {
        expect(reply).toMatch(/^250 /);
        expect(stored).toEqual(sent);
        expect(traceBytes).toBeGreaterThan(0);
      }
      expect(spooled).toEqual({ sent: 20, delivered: 20, twice: 0 });
      expect(outside.host.mailbox("root@augustin.ai")).toHaveLength(deliveries.length + 20);
      // Components and the stack are counted as well, as the engine counts them.
      expect(resources).toBeGreaterThan(outside.world.calls.length);
      expect({ changes, engine }).toEqual({ changes: undefined, engine: undefined });
      expect(autoconfig).toBe("stalwart.augustin.ai:993");
    } finally {
      await outside.close();
    }
  },
  BUDGET_MS,
);

test("every link that can be broken has its reason here", () => {
  expect(Object.keys(REASONS).sort()).toEqual(Object.keys(BREAKS).sort());
});

describe("a broken link fails the run and is named", () => {
  test.each(Object.entries(BREAKS).map(([name, { what }]) => [name as BreakName, what]))(
    "%s: %s",
    async (name) => {
      const error = await failure(name);
      for (const reason of REASONS[name]) expect(error.message).toMatch(reason);
      expect(error instanceof NotDelivered).toBe(!REFUSED_AT_ONCE.includes(name));
      if (error instanceof NotDelivered) {
        expect(error.reason).toMatch(
          SPOOLED.includes(name)
            ? /^The MX answered "250 .*nothing is in the mailbox; it waits in the spool\.$/
            : /^The MX did not take (the|a) message.*: .*451 4\.3\.0/,
        );
        expect(error.hops[0]).toMatch(/^MX: Email Routing took \d+ bytes for @augustin\.ai$/);
      }
    },
    BUDGET_MS,
  );
});

test(
  "a run that fails leaves nothing running: its SMTP port is free again",
  async () => {
    const port = await freePort();
    const options = { stack: "prod", progress: silent, withoutEngine: true, smtpPort: port };
    await expect(run({ ...options, break: "record" })).rejects.toThrow("identical record");
    expect(await listen(port)).toBe(port);
  },
  BUDGET_MS,
);

function freePort(): Promise<number> {
  return listen(0);
}

/** Opens a port for a moment. */
function listen(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
