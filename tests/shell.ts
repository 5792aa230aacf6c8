import { spawn } from "node:child_process";

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command line as a person types it, in bash. */
export function typed(
  command: string,
  options: { readonly cwd: string; readonly env?: NodeJS.ProcessEnv; readonly input?: string },
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const { cwd, env = process.env, input = "" } = options;
    const child = spawn("bash", ["-c", command], { cwd, env });
    const output = { stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => (output.stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (output.stderr += text));
    child.stdin.on("error", () => undefined).end(input);
    child.on("error", reject).on("close", (code) => resolve({ code, ...output }));
  });
}
