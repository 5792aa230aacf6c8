import { createInterface } from "node:readline/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

import { IMAGES } from "../infra/host/images";
import type { Settings } from "../infra/settings/settings";
import { StackFileError } from "../infra/settings/stack-file";
import { settingsWithHost } from "./public-settings";
import { openShell, RecoverError, type Shell } from "./recover/ssh";
import { openSpool, SpoolError, type SpoolObjects, spoolPlace } from "./spool/objects";
import { canary, type Clock } from "./upgrade/canary";
import { backPlan, upgradePlan, type UpgradeStep } from "./upgrade/plan";

const USAGE = `Usage: npm run upgrade -- STACK [--back]

Brings the host to the Stalwart that this checkout pins: asks whether its data
allow it, makes a backup, installs it, and sends a message through. Shows what
it would do, and does it after you agree.

  --back           the way back, in the checkout of the former release: restores
                   the snapshot that the upgrade made
  --snapshot ID    with --back: another one than the newest
  --from N         goes on at that step after a run that failed
  --identity FILE  SSH key; without it the stack's own, from Pulumi
  --plan           shows the plan only
  --yes            does not ask
  --help           this text

Exit codes: 0 done, 1 not done, 2 wrong usage.
`;

interface Arguments {
  readonly stack: string;
  readonly back: boolean;
  readonly snapshot: string;
  readonly from: number;
  readonly identity: string | undefined;
  readonly plan: boolean;
  readonly yes: boolean;
}

/** What the command needs of its surroundings. */
export interface Surroundings {
  readonly say: (text: string) => void;
  /** True when a person agrees. */
  readonly agree: (question: string) => Promise<boolean>;
  readonly shell: (stack: string, settings: Settings, identity: string | undefined) => Shell;
  readonly settings: (stack: string) => Settings;
  /** Throws a `SpoolError`. */
  readonly spool: (stack: string) => SpoolObjects;
  readonly clock: Clock;
}

/** The command; gives its exit code. */
export async function run(args: readonly string[], at: Surroundings): Promise<0 | 1 | 2> {
  const parsed = argumentsOf(args);
  if (typeof parsed === "string") {
    at.say(parsed);
    return parsed === USAGE ? 0 : 2;
  }
  const { stack, back, snapshot, plan, yes } = parsed;
  try {
    const settings = at.settings(stack);
    if (back && settings.backup === undefined)
      throw new RecoverError(`mail:backup is off in the stack ${stack}, so there is no way back. Nothing was done.`);
    const wanted = IMAGES.stalwart.tag.replace(/^v/, "");
    const steps = back ? backPlan(settings, stack, snapshot) : upgradePlan(settings, stack, wanted);
    at.say(render(steps));
    if (settings.backup === undefined)
      at.say("mail:backup is off: there is no backup first, and no way back. Switch it on: docs/backup.md\n");
    if (plan) return 0;
    if (!yes && !(await at.agree("Do this? Type yes: "))) {
      at.say("Nothing was done.\n");
      return 1;
    }
    return await carryOut(steps, parsed, settings, at);
  } catch (error) {
    if (!(error instanceof RecoverError || error instanceof StackFileError || error instanceof SpoolError)) throw error;
    at.say(`${error.message}\n`);
    return 1;
  }
}

async function carryOut(
  steps: readonly UpgradeStep[],
  { stack, back, from, identity }: Arguments,
  settings: Settings,
  at: Surroundings,
): Promise<0 | 1> {
  const shell = at.shell(stack, settings, identity);
  try {
    for (const [index, step] of steps.entries()) {
      const number = index + 1;
      if (number < from) continue;
      at.say(`Step ${number} of ${steps.length}: ${step.what}\n`);
      if (await perform(step, shell, settings, stack, at)) continue;
      const again = `npm run upgrade -- ${stack}${back ? " --back" : ""} --from ${number}`;
      const way =
        back || number < steps.length - 2 || settings.backup === undefined
          ? ""
          : ` The way back: check out the former release, npm ci, npm run upgrade -- ${stack} --back (docs/upgrade.md).`;
      at.say(`Step ${number} has failed. When its cause is mended: ${again}.${way}\n`);
      return 1;
    }
  } finally {
    shell.close();
  }
  at.say("Done.\n");
  return 0;
}

/** True when it went well. */
async function perform(
  step: UpgradeStep,
  shell: Shell,
  { primaryAddress, spool }: Settings,
  stack: string,
  { say, clock, spool: open }: Surroundings,
): Promise<boolean> {
  if (step.where === "here") return (await shell.here(step.command)) === 0;
  if (step.where === "host") return (await shell.host(step.command)) === 0;
  if (step.where === "person" || spool === undefined) {
    say(`  mail:spool is none: send ${primaryAddress} a message from outside, and look whether it comes.\n`);
    return true;
  }
  const id = await canary(open(stack), primaryAddress, clock);
  say(id === undefined ? "  It did not come home within 5 minutes.\n" : `  It came home: ${id}\n`);
  return id !== undefined;
}

function render(steps: readonly UpgradeStep[]): string {
  return steps
    .map((step, index) => {
      const command = "command" in step ? `\n     ${step.where}: ${step.command}` : "";
      return `  ${index + 1}. ${step.what}${command}\n`;
    })
    .join("");
}

function argumentsOf(args: readonly string[]): Arguments | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        back: { type: "boolean", default: false },
        snapshot: { type: "string", default: "latest" },
        from: { type: "string", default: "1" },
        identity: { type: "string" },
        plan: { type: "boolean", default: false },
        yes: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) return USAGE;
    const [stack, ...more] = positionals;
    if (stack === undefined || more.length > 0) return `One stack is needed.\n\n${USAGE}`;
    if (!/^(latest|[0-9a-f]{8,64})$/.test(values.snapshot)) return "--snapshot needs latest or the id of a snapshot.\n";
    if (!/^[1-9]$/.test(values.from)) return "--from needs the number of a step.\n";
    const { back, snapshot, from, identity, plan, yes } = values;
    return { stack, back, snapshot, from: Number(from), identity, plan, yes };
  } catch (error) {
    return `${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`;
  }
}

async function agree(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return (await lines.question(question)).trim() === "yes";
  } finally {
    lines.close();
  }
}

if (require.main === module)
  void run(process.argv.slice(2), {
    say: (text) => process.stdout.write(text),
    agree,
    shell: openShell,
    settings: settingsWithHost,
    spool: (stack) => openSpool(spoolPlace(stack, process.env), process.env),
    clock: { now: Date.now, sleep },
  }).then((code) => (process.exitCode = code));
