import { spawnSync } from "node:child_process";
import { join } from "node:path";

const ROOT = join(__dirname, "..");

export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `npm run client` with these arguments, as a process of its own. */
export function client(...args: readonly string[]): Run {
  const run = spawnSync(process.execPath, ["--import", "tsx", join(ROOT, "ops", "client.ts"), ...args], {
    cwd: ROOT,
    // Jest's own, which tests/setup.ts has changed; by default a process gets what Jest itself was started with.
    env: process.env,
    encoding: "utf8",
    timeout: 60_000,
  });
  return { code: run.status, stdout: run.stdout, stderr: run.stderr };
}
