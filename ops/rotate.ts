import { resolve } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

import { crash, finish, type Output, print } from "./output";
import { type Pulumi, pulumiOnPath, stackOf } from "./rotate/pulumi";
import { RotationError, type Rotation } from "./rotate/rotation";
import { isRotationName, ROTATIONS, type RotationName } from "./rotate/rotations";
import { plan, rotate } from "./rotate/run";

const USAGE = `Usage: npm run rotate -- WHAT --stack STACK [--dry-run]

Replaces a key or password, without a message lost or delivered twice.

${Object.entries(ROTATIONS)
  .map(([name, { what }]) => `  ${name.padEnd(15)} ${what}`)
  .join("\n")}

  --stack STACK  name of the stack: prod
  --dry-run      shows the stages and settings, and changes nothing
  --help         this text

Where further domains on the host use what is new (mail:hostStack), their stacks
get a pulumi up too, before the old one is withdrawn.

Stopped half way, the same command goes on where it stopped: how far it is, is
kept encrypted in the stack file, as rotate:WHAT. Commit the stack file.

Exit codes: 0 done, 1 not done, 2 wrong usage, 3 goes on later, at the time
that is said.
`;

const HELP = "help";

/** What surrounds the command; a test has its own. */
export interface Options {
  readonly pulumi: Pulumi;
  /** Standard input to its end; read only by a rotation that needs it. */
  readonly read: () => Promise<string>;
  readonly say: (line: string) => void;
  readonly now?: () => Date;
  readonly sleep?: (milliseconds: number) => Promise<unknown>;
}

/** The command as a function of its arguments and surroundings. */
export async function run(args: readonly string[], options: Options): Promise<Output> {
  const parsed = argumentsOf(args);
  if (parsed === HELP) return { code: 0, stdout: USAGE };
  if (typeof parsed === "string") return { code: 2, stderr: `${parsed}\n\n${USAGE}` };
  const { name, stack: stackName, dryRun } = parsed;
  const rotation: Rotation = ROTATIONS[name];
  const { now = () => new Date(), say } = options;
  try {
    const stack = stackOf(stackName, options.pulumi);
    const given = rotation.given === undefined ? undefined : (await options.read()).trim();
    if (dryRun) {
      const further = rotation.stages.some(({ isForFurther }) => isForFurther) ? await stack.further() : [];
      const lines = plan(name, rotation, await stack.config(), { given, now: now() }, further);
      return { code: 0, stdout: [...lines, "Nothing was changed.", ""].join("\n") };
    }
    const { until } = await rotate(name, rotation, { stack, given, now, say, sleep: options.sleep ?? sleep });
    return { code: until === undefined ? 0 : 3 };
  } catch (error) {
    if (error instanceof RotationError) return { code: 1, stderr: `${error.message}\n` };
    throw error;
  }
}

interface Arguments {
  readonly name: RotationName;
  readonly stack: string;
  readonly dryRun: boolean;
}

/** The arguments, {@link HELP}, or what is wrong with them. */
function argumentsOf(args: readonly string[]): Arguments | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        stack: { type: "string", short: "s" },
        "dry-run": { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) return HELP;
    const [name, ...more] = positionals;
    if (name === undefined || more.length > 0) return "Name one thing to rotate.";
    if (!isRotationName(name))
      return `${JSON.stringify(name)} cannot be rotated. Allowed: ${Object.keys(ROTATIONS).join(", ")}.`;
    if (values.stack === undefined) return "--stack is needed.";
    return { name, stack: values.stack, dryRun: values["dry-run"] };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

if (require.main === module)
  void run(process.argv.slice(2), {
    pulumi: pulumiOnPath(resolve(__dirname, "..")),
    read: () => text(process.stdin),
    say: (line) => print(`${line}\n`),
  }).then(finish, crash);
