import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundleOnhost } from "../../../infra/host/onhost";

export interface Ended {
  /** Undefined when it was killed. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
}

/** The program as it is shipped, in a process of its own. */
export interface Onhost {
  /** With `killAfterMs` it is ended by SIGKILL, unless it ends before. */
  readonly run: (args: readonly string[], killAfterMs?: number) => Promise<Ended>;
  readonly file: string;
}

export function installOnhost(folder: string): Onhost {
  const file = join(folder, "onhost.cjs");
  writeFileSync(file, bundleOnhost());
  return { run, file };

  function run(args: readonly string[], killAfterMs?: number): Promise<Ended> {
    return new Promise((resolve, reject) => {
      const begin = performance.now();
      const child = spawn(process.execPath, [file, ...args], { stdio: ["ignore", "pipe", "pipe"] });
      const output = { stdout: "", stderr: "" };
      child.stdout.on("data", (chunk: Buffer) => (output.stdout += chunk.toString()));
      child.stderr.on("data", (chunk: Buffer) => (output.stderr += chunk.toString()));
      const timer = killAfterMs === undefined ? undefined : setTimeout(() => child.kill("SIGKILL"), killAfterMs);
      child.once("error", reject);
      child.once("close", (code) => {
        clearTimeout(timer);
        resolve({ ...output, code: code ?? undefined, ms: performance.now() - begin });
      });
    });
  }
}
