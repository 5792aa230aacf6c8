import { spawn } from "node:child_process";
import { kill } from "node:process";

/** Less than a test of the engine may take. A command that hangs would keep jest from ending, long after its test failed. */
const COMMAND_LIMIT_MS = 170_000;

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command line as a person types it, in bash. One that hangs is killed with all that it started; its code is null then. */
export function typed(
  command: string,
  options: { readonly cwd: string; readonly env?: NodeJS.ProcessEnv; readonly input?: string },
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const { cwd, env = process.env, input = "" } = options;
    const child = spawn("bash", ["-c", command], { cwd, env, detached: true });
    const { pid } = child;
    const limit = setTimeout(() => pid !== undefined && kill(-pid, "SIGKILL"), COMMAND_LIMIT_MS);
    const output = { stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => (output.stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (output.stderr += text));
    child.stdin.on("error", () => undefined).end(input);
    child.on("error", reject).on("close", (code) => {
      clearTimeout(limit);
      resolve({ code, ...output });
    });
  });
}
