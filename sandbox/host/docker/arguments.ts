import { parseArgs, type ParseArgsConfig } from "node:util";

/** A call of the command line, taken apart. */
export interface Arguments {
  readonly verb: string;
  readonly file: string;
  readonly profiles: readonly string[];
  /** The services that are named; all of them when there are none. */
  readonly services: readonly string[];
  /** For `run`: what comes after the service. */
  readonly command: readonly string[];
  /** For `run`: variables, as `NAME=value`; the sandbox knows the form `--env=NAME=value` only. */
  readonly variables: readonly string[];
  readonly short: boolean;
  readonly wait: boolean;
  readonly removeOrphans: boolean;
  readonly noStart: boolean;
  /** For `run`, `host:container`; only as `--volume=…`. */
  readonly volumes: readonly string[];
  readonly all: boolean;
  readonly quiet: boolean;
  /** `--format json`. */
  readonly json: boolean;
}

/** The command line is refused; the text is what docker says. */
export class UsageError extends Error {}

type Options = NonNullable<ParseArgsConfig["options"]>;
const flag = { type: "boolean" } as const;
const value = { type: "string" } as const;

/** The options of `docker compose` itself. */
const GLOBAL: Options = {
  file: { ...value, short: "f" },
  profile: { ...value, multiple: true },
  "project-directory": value,
  "project-name": { ...value, short: "p" },
  progress: value,
  ansi: value,
};
/** The options of each verb (docs.docker.com/reference/cli/docker/compose, v2.40), as far as they are of use here. */
const VERBS: Readonly<Record<string, Options>> = {
  version: { short: flag, format: value },
  config: { quiet: { ...flag, short: "q" } },
  pull: { quiet: { ...flag, short: "q" }, policy: value, "include-deps": flag, "ignore-pull-failures": flag },
  up: {
    ...{ detach: { ...flag, short: "d" }, wait: flag, "wait-timeout": value, "remove-orphans": flag, pull: value },
    ...{ "quiet-pull": flag, "no-deps": flag, "no-start": flag },
  },
  run: {
    rm: flag,
    "no-TTY": { ...flag, short: "T" },
    "no-deps": flag,
    interactive: { ...flag, short: "i" },
    env: { ...value, multiple: true },
    volume: { ...value, multiple: true, short: "v" },
  },
  start: {},
  restart: { timeout: { ...value, short: "t" }, "no-deps": flag },
  stop: { timeout: { ...value, short: "t" } },
  down: { timeout: { ...value, short: "t" } },
  ps: { all: { ...flag, short: "a" }, quiet: { ...flag, short: "q" }, services: flag, format: value, status: value },
};

/** @throws UsageError for what the sandbox does not know: nothing is waved through. */
export function parseArguments(args: readonly string[]): Arguments {
  const [first, ...rest] = args;
  if (first === "version" && rest[0]?.startsWith("--format")) return nothing("server-version");
  if (first === "ps" && rest.includes("label=com.docker.compose.project=mail-stack")) return nothing("docker-ps");
  if (first !== "compose") throw new UsageError(`docker: '${first ?? ""}' is not a docker command of the sandbox.`);
  const at = rest.findIndex((word, index) => VERBS[word] !== undefined && !takesValue(rest[index - 1]));
  const verb = rest[at];
  if (verb === undefined) throw new UsageError(`unknown docker command: "compose ${rest.join(" ")}"`);
  const global = parsed(rest.slice(0, at), GLOBAL).values;
  const own = rest.slice(at + 1);
  // After the service all words are the container's.
  const end = verb === "run" ? own.findIndex((word) => !word.startsWith("-")) : -1;
  const { values, positionals } = parsed(end < 0 ? own : own.slice(0, end + 1), VERBS[verb] ?? {});
  return {
    verb,
    file: typeof global["file"] === "string" ? global["file"] : "compose.yaml",
    profiles: Array.isArray(global["profile"]) ? global["profile"].map(String) : [],
    services: positionals,
    command: end < 0 ? [] : own.slice(end + 1),
    variables: Array.isArray(values["env"]) ? values["env"].map(String) : [],
    short: values["short"] === true,
    wait: values["wait"] === true,
    removeOrphans: values["remove-orphans"] === true,
    noStart: values["no-start"] === true,
    volumes: Array.isArray(values["volume"]) ? values["volume"].map(String) : [],
    all: values["all"] === true,
    quiet: values["quiet"] === true,
    json: values["format"] === "json",
  };
}

function parsed(args: readonly string[], options: Options) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    throw new UsageError(`unknown flag: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function takesValue(word: string | undefined): boolean {
  const name = word?.replace(/^--?/, "");
  return Object.entries(GLOBAL).some(
    ([long, option]) => name === long || (option.short !== undefined && word === `-${option.short}`),
  );
}

function nothing(verb: string): Arguments {
  return {
    ...{ verb, file: "", profiles: [], services: [], command: [], variables: [], volumes: [] },
    ...{ noStart: false, short: false, wait: false, removeOrphans: false, all: false, quiet: false, json: false },
  };
}
