import { spawn } from "node:child_process";

import { NO_PULUMI, pulumiReason } from "../pulumi-reason";
import { warn } from "../output";
import { type Change, type Config, RotationError } from "./rotation";

const HOST_STACK = "mail:hostStack";

/** One run of the engine's command line. */
export interface Ran {
  readonly code: number;
  /** Where it failed, standard error too. */
  readonly output: string;
}

/** Runs `pulumi` with these arguments and this standard input. Nothing secret may be in the arguments. */
export type Pulumi = (args: readonly string[], input?: string) => Promise<Ran>;

/** The stack as a rotation uses it. */
export interface StackOf {
  config(): Promise<Config>;
  /** In this order. Values that are no secrets and follow each other change together. */
  apply(changes: readonly Change[]): Promise<void>;
  /** Of this stack, or of another one. */
  up(other?: string): Promise<void>;
  /** The stacks of further domains on this one's host that are up, by name. */
  further(): Promise<readonly string[]>;
}

/** By Pulumi's command line: values go in by standard input, where no process list shows them. */
export function stackOf(stack: string, pulumi: Pulumi): StackOf {
  const at = ["--stack", stack, "--non-interactive"];
  // Pulumi Cloud puts the organisation in front.
  const ownName = stack.split("/").at(-1);
  const run = (what: string, args: readonly string[], input?: string) => runAt(stack, what, args, input);
  const runAt = async (where: string | undefined, what: string, args: readonly string[], input?: string) => {
    const place = where === undefined ? [] : ["--stack", where];
    const { code, output } = await pulumi([...args, ...place, "--non-interactive"], input);
    if (code === 0) return output;
    throw new RotationError(
      `${what} failed: ${pulumiReason(output, where ?? stack)}.\nThen run the same command again: it goes on where it stopped.`,
    );
  };
  return {
    async config() {
      const output = await run("Reading the configuration", ["config", "--json", "--show-secrets"]);
      return parseConfig(output);
    },
    async apply(changes) {
      for (const group of together(changes)) await applyGroup(group);
    },
    async up(other) {
      if (other === undefined) await run("pulumi up", ["up", "--yes"]);
      else await runAt(other, `pulumi up --stack ${other}`, ["up", "--yes"]);
    },
    async further() {
      const listed = await runAt(undefined, "Listing the stacks", ["stack", "ls", "--json"]);
      const names: string[] = [];
      for (const name of stacksWithResources(listed)) {
        if (name.split("/").at(-1) === ownName) continue;
        // A stack without the key has a host of its own; one without a file here is nobody's to apply from here.
        const { code, output } = await pulumi(["config", "get", HOST_STACK, "--stack", name, "--non-interactive"]);
        if (code === 0 && output.trim() === ownName) names.push(name);
        // If a key were withdrawn while such a stack still uses it, that stack's mail would stop.
        if (code !== 0 && !output.includes("not found"))
          throw new RotationError(
            `Whether the stack ${name} has a further domain on this host is not known: ${pulumiReason(output, name)}.\n` +
              "Then run the same command again: it goes on where it stopped.",
          );
      }
      return names.sort();
    },
  };

  async function applyGroup(group: readonly Change[]): Promise<void> {
    const [first] = group;
    if (first === undefined) return;
    if ("remove" in first) {
      const { code, output } = await pulumi(["config", "rm", first.key, ...at]);
      // Done before, when a stage is done again.
      if (code !== 0 && !output.includes("not found"))
        throw new RotationError(`Removing ${first.key} failed: ${pulumiReason(output, stack)}.`);
    } else if (first.secret) {
      await run(`Setting ${first.key}`, ["config", "set", "--secret", first.key], first.value);
    } else {
      const plain = group.flatMap((change) =>
        "value" in change ? ["--plaintext", `${change.key}=${change.value}`] : [],
      );
      await run(`Setting ${group.map(({ key }) => key).join(" and ")}`, ["config", "set-all", ...plain]);
    }
  }
}

/** `config set-all` takes values as arguments only, which everybody on the machine sees: secrets go one by one. */
function together(changes: readonly Change[]): readonly (readonly Change[])[] {
  const isPlain = (change: Change | undefined) => change !== undefined && "value" in change && !change.secret;
  const groups: Change[][] = [];
  for (const change of changes) {
    const last = groups.at(-1);
    if (last !== undefined && isPlain(change) && isPlain(last[0])) last.push(change);
    else groups.push([change]);
  }
  return groups;
}

/** Of `pulumi stack ls --json`; an `up` of one that has nothing yet would make a domain. */
function stacksWithResources(output: string): readonly string[] {
  const stacks: unknown = JSON.parse(output);
  if (!Array.isArray(stacks)) return [];
  return stacks.flatMap((item: unknown): string[] => {
    if (typeof item !== "object" || item === null || !("name" in item) || typeof item.name !== "string") return [];
    return "resourceCount" in item && item.resourceCount === 0 ? [] : [item.name];
  });
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
      let errors = "";
      const show = (text: string) => {
        if (shown) warn(text);
      };
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        output += text;
        show(text);
      });
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        errors += text;
        show(text);
      });
      child.on("error", () => reject(new RotationError(`Nothing was changed: ${NO_PULUMI}`)));
      // On success the output may be JSON, and a warning would break it.
      child.on("close", (code) => resolve({ code: code ?? 1, output: code === 0 ? output : `${output}\n${errors}` }));
      child.stdin.on("error", () => undefined).end(input ?? "");
    });
}
