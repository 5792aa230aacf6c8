import { spawn } from "node:child_process";

import { type Change, type Config, RotationError } from "./rotation";

/** One run of the engine's command line. */
export interface Ran {
  readonly code: number;
  readonly output: string;
}

/** Runs `pulumi` with these arguments and this standard input. Nothing secret may be in the arguments. */
export type Pulumi = (args: readonly string[], input?: string) => Promise<Ran>;

/** The stack as a rotation uses it. */
export interface StackOf {
  config(): Promise<Config>;
  apply(change: Change): Promise<void>;
  up(): Promise<void>;
}

/** By Pulumi's command line: values go in by standard input, where no process list shows them. */
export function stackOf(stack: string, pulumi: Pulumi): StackOf {
  const at = ["--stack", stack, "--non-interactive"];
  const run = async (what: string, args: readonly string[], input?: string): Promise<string> => {
    const { code, output } = await pulumi([...args, ...at], input);
    if (code === 0) return output;
    throw new RotationError(
      `${what} failed:\n${output.trimEnd()}\nMend that and run the same command again: it goes on where it stopped.`,
    );
  };
  return {
    async config() {
      const output = await run("Reading the configuration", ["config", "--json", "--show-secrets"]);
      return parseConfig(output);
    },
    async apply(change) {
      if ("remove" in change) {
        const { code, output } = await pulumi(["config", "rm", change.key, ...at]);
        // Done before, when a stage is done again.
        if (code !== 0 && !output.includes("not found")) throw new RotationError(`Removing ${change.key}: ${output}`);
        return;
      }
      await run(
        `Setting ${change.key}`,
        ["config", "set", change.secret ? "--secret" : "--plaintext", change.key],
        change.value,
      );
    },
    async up() {
      await run("pulumi up", ["up", "--yes"]);
    },
  };
}

function parseConfig(output: string): Config {
  const values: unknown = JSON.parse(output);
  if (typeof values !== "object" || values === null) return new Map();
  return new Map(
    Object.entries(values).flatMap(([key, item]: [string, unknown]): [string, string][] => {
      const value: unknown = typeof item === "object" && item !== null && "value" in item ? item.value : undefined;
      return typeof value === "string" ? [[key, value]] : [];
    }),
  );
}

/** The `pulumi` on PATH, in this checkout; what `up` says is shown as it comes. */
export function pulumiOnPath(directory: string): Pulumi {
  return (args, input) =>
    new Promise((resolve, reject) => {
      const shown = args[0] === "up";
      const child = spawn("pulumi", args, { cwd: directory, stdio: ["pipe", "pipe", "pipe"] });
      let output = "";
      const take = (text: string) => {
        output += text;
        if (shown) process.stderr.write(text);
      };
      child.stdout.setEncoding("utf8").on("data", take);
      child.stderr
        .setEncoding("utf8")
        .on("data", args[0] === "config" && args[1] === "--json" ? () => undefined : take);
      child.on("error", () =>
        reject(new RotationError("There is no pulumi on PATH. Nothing was changed. See docs/start.md")),
      );
      child.on("close", (code) => resolve({ code: code ?? 1, output }));
      child.stdin.on("error", () => undefined).end(input ?? "");
    });
}
