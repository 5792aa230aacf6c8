import type * as ChildProcess from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Container } from "../../../sandbox/host/docker/container";
import { node } from "../../../sandbox/host/programs/node";
import { temporaryFolder } from "../../../sandbox/temporary";

/** Node warns of a leak on the terminal from the eleventh listener on; a run of the sandbox asks dozens of times. */
const TIMES = 12;

test("a container of node that is asked for its ports all the time keeps no listener for it", async () => {
  const folder = temporaryFolder();
  const script = join(folder.path, "serve.mjs");
  writeFileSync(script, "setInterval(() => undefined, 1000);");
  const spawned = jest.spyOn(jest.requireActual<typeof ChildProcess>("node:child_process"), "spawn");
  const container = {
    hostPath: () => script,
    service: { command: ["node", "serve.mjs"], environment: {}, mounts: [] },
    neighbours: { ports: () => ({}) },
  } as unknown as Container;
  const service = await node.start?.(container);
  const child = spawned.mock.results[0]?.value as ChildProcess.ChildProcess;
  const listeners = () => ["close", "message", "error"].map((event) => child.listenerCount(event));
  const before = listeners();
  let answers = 0;
  child.on("message", () => (answers += 1));
  for (let time = 1; time <= TIMES; time += 1) {
    service?.ports?.();
    while (answers < time) await new Promise((resolve) => setTimeout(resolve, 5));
    // What waited for the answer goes on first.
    await new Promise((resolve) => setImmediate(resolve));
  }
  child.removeAllListeners("message");
  expect(listeners()).toEqual([before[0], 0, before[2]]);
  await service?.stop();
  folder.remove();
});
