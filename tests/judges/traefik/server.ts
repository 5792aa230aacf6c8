import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import type { HostFile } from "../../../infra/host/file";
import { toolPath } from "../../../tools/go-tool";

const START_BUDGET_MS = 60_000;
const POLL_MS = 50;
const STOP_BUDGET_MS = 15_000;

export interface Traefik {
  /** Everything that it wrote, one JSON object a line. */
  readonly log: () => string;
  /** Waits until the log has a line that matches. */
  readonly logged: (pattern: RegExp) => Promise<void>;
  /** Runs another command of it with the same files; resolves with the exit code. */
  readonly command: (...args: readonly string[]) => Promise<number | null>;
  readonly stop: () => Promise<void>;
}

const running = new Set<ChildProcess>();

// A test run that ends early leaves no server behind.
process.once("exit", () => running.forEach((child) => child.kill("SIGKILL")));

/**
 * Starts the real Traefik on the files, laid out below `folder`, with more environment than the deployment's; resolves when it
 * answers its health check.
 */
export async function startTraefik(
  folder: string,
  files: readonly HostFile[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Traefik> {
  for (const { path, content, mode } of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content, { mode: Number.parseInt(mode, 8) });
  }
  mkdirSync(join(folder, "traefik", "acme"), { recursive: true, mode: 0o700 });
  const child = run();
  running.add(child);
  let log = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding("utf8").on("data", (text: string) => (log += text));

  const until = Date.now() + START_BUDGET_MS;
  while ((await command("healthcheck")) !== 0) {
    if (child.exitCode !== null || Date.now() > until) {
      await stop();
      throw new Error(`Traefik does not answer. ${log.slice(-2_000)}`);
    }
    await sleep(POLL_MS);
  }
  return { log: () => log, logged, command, stop };

  function run(...args: readonly string[]): ChildProcess {
    // Where its image starts it too: `./plugins-local` is looked up from there.
    return spawn(toolPath("traefik"), [...args, `--configFile=${join(folder, "traefik", "traefik.yaml")}`], {
      cwd: join(folder, "traefik"),
      env: { ...environment, CF_DNS_API_TOKEN_FILE: join(folder, "traefik", "secrets", "cloudflare-dns-token") },
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  async function command(...args: readonly string[]): Promise<number | null> {
    const other = run(...args);
    return await new Promise((resolve, reject) => other.once("error", reject).once("close", resolve));
  }

  async function logged(pattern: RegExp): Promise<void> {
    const end = Date.now() + START_BUDGET_MS;
    while (!pattern.test(log)) {
      if (Date.now() > end) throw new Error(`Traefik did not log ${pattern.source}. ${log.slice(-2_000)}`);
      await sleep(POLL_MS);
    }
  }

  async function stop(): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_BUDGET_MS);
    child.kill("SIGTERM");
    await ended;
    clearTimeout(timer);
    running.delete(child);
  }
}
