import { mkdirSync } from "node:fs";
import { parseArgs } from "node:util";

import { quoted } from "../infra/formats/shell";
import type { Settings } from "../infra/settings/settings";
import { StackFileError } from "../infra/settings/stack-file";
import { agree } from "./agree";
import { crash, print } from "./output";
import { needsOwnHost, settingsWithHost } from "./public-settings";
import { recoveryPlan, renderPlan, type Scenario, SCENARIOS, type Step, WHEN } from "./recover/plans";
import { openShell, RecoverError, type Shell } from "./recover/ssh";

const USAGE = `Usage: npm run recover -- STACK [SCENARIO]

Recovers the mail host. Shows what it would do, and does it after you agree.

${SCENARIOS.map((name) => `  ${name.padEnd(10)} ${WHEN[name]}`).join("\n")}

  --snapshot ID    another one than the newest
  --from N         goes on at that step after a run that failed
  --identity FILE  SSH key; without it the stack's own, from Pulumi
  --folder FOLDER  where \`read\` puts the mail (mail-export)
  --plan           shows the plan only
  --yes            does not ask
  --help           this text

Exit codes: 0 done, 1 not done, 2 wrong usage.
`;

interface Arguments {
  readonly stack: string;
  readonly scenario: Scenario | undefined;
  readonly snapshot: string;
  readonly from: number;
  readonly identity: string | undefined;
  readonly folder: string;
  readonly plan: boolean;
  readonly yes: boolean;
}

/** What the command needs of its surroundings. */
export interface Terminal {
  readonly say: (text: string) => void;
  /** True when a person agrees. */
  readonly agree: (question: string) => Promise<boolean>;
  readonly shell: (stack: string, settings: Settings, identity: string | undefined) => Shell;
  readonly settings: (stack: string) => Settings;
}

/** The command; gives its exit code. */
export async function run(args: readonly string[], terminal: Terminal): Promise<0 | 1 | 2> {
  const parsed = argumentsOf(args);
  if (typeof parsed === "string") {
    terminal.say(parsed);
    return parsed === USAGE ? 0 : 2;
  }
  const { stack, scenario } = parsed;
  if (scenario === undefined) {
    const refusal = refusalOf(stack);
    if (refusal !== undefined) {
      terminal.say(`${refusal}\n`);
      return 1;
    }
    terminal.say(
      `Which of these is it?\n\n${SCENARIOS.map((name) => `${name}: ${WHEN[name]}`).join("\n")}\n\nThen: npm run recover -- ${stack} NAME\n`,
    );
    return 0;
  }
  try {
    const settings = terminal.settings(stack);
    if (settings.backup === undefined && scenario !== "container")
      throw new RecoverError(
        `mail:backup is off in the stack ${stack}, so this program knows of no backup. Nothing was done.`,
      );
    const steps = recoveryPlan(scenario, settings, parsed);
    terminal.say(renderPlan(scenario, steps));
    if (parsed.plan) return 0;
    if (!parsed.yes && !(await terminal.agree("Do this? Type yes: "))) {
      terminal.say("Nothing was done.\n");
      return 1;
    }
    return await carryOut(steps, parsed, settings, terminal);
  } catch (error) {
    if (!(error instanceof RecoverError || error instanceof StackFileError)) throw error;
    terminal.say(`${error.message}\n`);
    return 1;
  }
}

/** Why the stack has no host to recover, in words for the operator. */
function refusalOf(stack: string): string | undefined {
  try {
    needsOwnHost(stack);
    return undefined;
  } catch (error) {
    if (error instanceof StackFileError) return error.message;
    throw error;
  }
}

async function carryOut(
  steps: readonly Step[],
  { stack, scenario, from, identity, folder, yes, snapshot }: Arguments,
  settings: Settings,
  { say, agree, shell: open }: Terminal,
): Promise<0 | 1> {
  const shell = open(stack, settings, identity);
  try {
    for (const [index, step] of steps.entries()) {
      const number = index + 1;
      if (number < from) continue;
      say(`Step ${number} of ${steps.length}: ${step.what}\n`);
      if (step.where === "person") {
        say(`  ${step.command}\n`);
        const isLast = number === steps.length;
        if (isLast || yes || (await agree("Done? Type yes: "))) continue;
        say(`Go on when it is: npm run recover -- ${stack} ${scenario ?? ""} --from ${number}\n`);
        return 1;
      }
      const code = await perform(step, scenario, folder, shell);
      if (code === 0) continue;
      const options = `--from ${number}${snapshot === "latest" ? "" : ` --snapshot ${snapshot}`}`;
      say(
        `Step ${number} ended with status ${code}. The steps before it are done, and it may be run again. ` +
          `When its cause is mended: npm run recover -- ${stack} ${scenario ?? ""} ${options}\n`,
      );
      return 1;
    }
  } finally {
    shell.close();
  }
  say("Done.\n");
  return 0;
}

function perform({ where, command }: Step, scenario: Scenario | undefined, folder: string, shell: Shell) {
  if (where === "here") return shell.here(command);
  if (scenario !== "read") return shell.host(command);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return shell.pipe(command, `tar -C ${quoted(folder)} -xf -`);
}

function argumentsOf(args: readonly string[]): Arguments | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        snapshot: { type: "string", default: "latest" },
        from: { type: "string", default: "1" },
        identity: { type: "string" },
        folder: { type: "string", default: "mail-export" },
        plan: { type: "boolean", default: false },
        yes: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) return USAGE;
    const [stack, name, ...more] = positionals;
    const scenario = SCENARIOS.find((each) => each === name);
    if (stack === undefined || more.length > 0) return `A stack is needed, and one scenario.\n\n${USAGE}`;
    if (name !== undefined && scenario === undefined)
      return `${JSON.stringify(name)} is no scenario. Allowed: ${SCENARIOS.join(", ")}.\n`;
    if (!/^(latest|[0-9a-f]{8,64})$/.test(values.snapshot)) return "--snapshot needs latest or the id of a snapshot.\n";
    if (!/^[1-9]$/.test(values.from)) return "--from needs the number of a step.\n";
    const { snapshot, identity, folder, plan, yes } = values;
    return { stack, scenario, snapshot, from: Number(values.from), identity, folder, plan, yes };
  } catch (error) {
    return `${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`;
  }
}

if (require.main === module)
  void run(process.argv.slice(2), {
    say: print,
    agree,
    shell: openShell,
    settings: settingsWithHost,
  }).then((code) => (process.exitCode = code), crash);
