import { type ChildProcess, spawn } from "node:child_process";

const STOP_BUDGET_MS = 10_000;

/** A foreign program that runs. */
export interface Program {
  /** Everything that it wrote. */
  readonly log: () => string;
  readonly hasEnded: () => boolean;
  readonly stop: () => Promise<void>;
}

export interface ProgramOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** Whom it runs as, when the tests run as root. */
  readonly user?: number;
}

const running = new Set<ChildProcess>();

// A test run that ends early leaves no program behind.
process.once("exit", () => running.forEach((child) => child.kill("SIGKILL")));

/** Starts a program with its environment and nothing else. */
export function startProgram(
  name: string,
  path: string,
  args: readonly string[],
  { environment = {}, user }: ProgramOptions = {},
): Program {
  const child = spawn(path, args, {
    env: { PATH: process.env["PATH"], ...environment },
    stdio: ["ignore", "pipe", "pipe"],
    ...(user !== undefined && process.getuid?.() === 0 ? { uid: user, gid: user } : {}),
  });
  running.add(child);
  let log = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (log += text));
  child.once("error", (error) => (log += `${name}: ${error.message}\n`));
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
  return {
    log: () => log,
    hasEnded,
    async stop() {
      running.delete(child);
      if (hasEnded()) return;
      const timer = setTimeout(() => child.kill("SIGKILL"), STOP_BUDGET_MS);
      child.kill("SIGTERM");
      await ended;
      clearTimeout(timer);
    },
  };
}
