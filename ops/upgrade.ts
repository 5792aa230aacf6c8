import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

import { STALWART_VERSION } from "../infra/host/images";
import type { Settings } from "../infra/settings/settings";
import { StackFileError } from "../infra/settings/stack-file";
import { agree } from "./agree";
import { crash, print } from "./output";
import { settingsWithHost } from "./public-settings";
import { openShell, RecoverError, type Shell } from "./recover/ssh";
import { openSpool, SpoolError, type SpoolObjects, spoolPlace } from "./spool/objects";
import { canary, type Clock } from "./upgrade/canary";
import { afterFailure, backPlan, type Phase, PHASES, upgradePlan, type UpgradeStep } from "./upgrade/plan";
import { hostCommand, type HostFunction } from "./upgrade/script";

const USAGE = `Usage: npm run upgrade -- STACK [--back]

Brings the host to the Stalwart that this checkout pins: asks whether it can be,
lets nobody in, makes a backup, installs it, tries it, and lets everybody in.
What fails before that brings the former version back, with its data. Shows what
it would do, and does it after you agree. Cut at any point, the same command
goes on.

  --back              the way back, also after the upgrade; what came since is
                      brought along
  --without-new-mail  with --back: without that, when it cannot be read
  --identity FILE     SSH key; without it the stack's own, from Pulumi
  --plan              shows the plan only
  --yes               does not ask
  --help              this text

Exit codes: 0 done, 1 not done or gone back, 2 wrong usage.
`;

interface Arguments {
  readonly stack: string;
  readonly back: boolean;
  readonly withNewMail: boolean;
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
  const { stack, back, withNewMail, plan, yes, identity } = parsed;
  try {
    const settings = at.settings(stack);
    if (settings.backup === undefined)
      throw new RecoverError(
        `mail:backup is off in the stack ${stack}, and without a backup there is no way back. Nothing was done. ` +
          "Switch it on: docs/backup.md",
      );
    if (plan) {
      at.say(render(back ? backPlan(withNewMail) : upgradePlan(STALWART_VERSION)));
      return 0;
    }
    const shell = at.shell(stack, settings, identity);
    try {
      const work = { stack, settings, shell, at };
      const { phase, from, to } = await statusOf(work);
      const isOnTheWayBack = phase.startsWith("back") || phase === "restored";
      const goesBack = back || isOnTheWayBack;
      refuse(phase, to, goesBack);
      if (isOnTheWayBack && !back) at.say(`The way back to Stalwart ${from} has been begun. It goes on.\n`);
      const steps = goesBack ? backPlan(withNewMail) : upgradePlan(STALWART_VERSION, phase);
      at.say(render(steps));
      if (!yes && !(await at.agree("Do this? Type yes: "))) {
        at.say("Nothing was done.\n");
        return 1;
      }
      return goesBack ? await goBack(withNewMail, work) : await goForward(steps, work);
    } finally {
      shell.close();
    }
  } catch (error) {
    if (!(error instanceof RecoverError || error instanceof StackFileError || error instanceof SpoolError)) throw error;
    at.say(`${error.message}\n`);
    return 1;
  }
}

interface Work {
  readonly stack: string;
  readonly settings: Settings;
  readonly shell: Shell;
  readonly at: Surroundings;
}

/** @throws RecoverError when there is nothing to go on with */
function refuse(phase: Phase, to: string, goesBack: boolean): void {
  if (goesBack && phase === "none")
    throw new RecoverError("The host remembers no upgrade, so there is none to go back from. Nothing was done.");
  if (!goesBack && (phase === "saved" || phase === "opened") && to !== STALWART_VERSION)
    throw new RecoverError(
      `An upgrade to Stalwart ${to} is under way, and this checkout has ${STALWART_VERSION}. Nothing was done. ` +
        `End it in a checkout that has ${to}, or go back: --back`,
    );
}

async function goForward(steps: readonly UpgradeStep[], work: Work): Promise<0 | 1> {
  const { stack, at } = work;
  const failed = await carryOut(steps, work);
  if (failed === undefined) {
    at.say(`Done. Stalwart ${STALWART_VERSION} runs. The way back: npm run upgrade -- ${stack} --back\n`);
    return 0;
  }
  switch (afterFailure(failed.run)) {
    case "stop":
      return 1;
    case "give up":
      at.say("This has failed, and Stalwart has not been touched. Everybody is let in again.\n");
      await onHost("give_up", work);
      return 1;
    case "back":
      at.say(
        `This has failed. Nobody was let in, so nothing came that the former version does not have: back to it.\n`,
      );
      await goBack(true, work);
      return 1;
    case "ask":
      at.say(
        `This has failed. Stalwart ${STALWART_VERSION} itself was tried and is good; what has not come home waits in the spool. ` +
          `When the cause is mended (npm run doctor -- ${stack}): npm run upgrade -- ${stack}. ` +
          `The way back: npm run upgrade -- ${stack} --back\n`,
      );
      return 1;
  }
}

async function goBack(withNewMail: boolean, work: Work): Promise<0 | 1> {
  const { stack, at } = work;
  const { from } = await statusOf(work);
  const failed = await carryOut(backPlan(withNewMail), work);
  if (failed !== undefined) {
    at.say(`The way back stopped there. When the cause is mended: npm run upgrade -- ${stack} --back\n`);
    return 1;
  }
  at.say(
    `Stalwart ${from} runs again. Pulumi and this checkout still name ${STALWART_VERSION}: take the release that has ` +
      `${from} before the next pulumi up.\n`,
  );
  return 0;
}

/** @returns the step that failed */
async function carryOut(steps: readonly UpgradeStep[], work: Work): Promise<UpgradeStep | undefined> {
  for (const [index, step] of steps.entries()) {
    work.at.say(`Step ${index + 1} of ${steps.length}: ${step.what}\n`);
    if (!(await perform(step, work))) return step;
  }
  return undefined;
}

/** True when it went well. */
async function perform({ run: what }: UpgradeStep, work: Work): Promise<boolean> {
  const { stack, settings, shell, at } = work;
  if (what === "up") {
    const up = `pulumi up --yes --stack '${stack}'`;
    if ((await shell.here(up)) !== 0) return false;
    // After a way back Pulumi believes that the files are there.
    return (await onHost("is_installed", work)) || (await shell.here(`${up} --replace '**host-files'`)) === 0;
  }
  if (what !== "canary") return await onHost(what, work);
  const { primaryAddress, spool } = settings;
  if (spool === undefined) {
    at.say(`  mail:spool is none: send ${primaryAddress} a message from outside, and look whether it comes.\n`);
    return true;
  }
  const id = await canary(at.spool(stack), primaryAddress, at.clock);
  at.say(id === undefined ? "  It did not come home within 5 minutes.\n" : `  It came home: ${id}\n`);
  return id !== undefined;
}

async function onHost(name: HostFunction, { settings, shell }: Work): Promise<boolean> {
  return (await shell.host(hostCommand(name, settings.host.folder, STALWART_VERSION))) === 0;
}

/** How far the host is. @throws RecoverError when it does not say */
async function statusOf({ settings, shell }: Work): Promise<{ phase: Phase; from: string; to: string }> {
  const said = await shell.answer(hostCommand("status", settings.host.folder, STALWART_VERSION));
  // The user's own start files may greet before.
  const [word, from = "", to = ""] = said?.trimEnd().split("\n").at(-1)?.split(" ") ?? [];
  const phase = PHASES.find((each) => each === word);
  if (phase === undefined)
    throw new RecoverError("The host does not say how far it is. Nothing was done. Look whether SSH gets there.");
  return { phase, from, to };
}

function render(steps: readonly UpgradeStep[]): string {
  return steps.map(({ what }, index) => `  ${index + 1}. ${what}\n`).join("");
}

function argumentsOf(args: readonly string[]): Arguments | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        back: { type: "boolean", default: false },
        "without-new-mail": { type: "boolean", default: false },
        identity: { type: "string" },
        plan: { type: "boolean", default: false },
        yes: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) return USAGE;
    const [stack, ...more] = positionals;
    if (stack === undefined || more.length > 0) return `One stack is needed.\n\n${USAGE}`;
    const { back, identity, plan, yes } = values;
    return { stack, back, withNewMail: !values["without-new-mail"], identity, plan, yes };
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
    spool: (stack) => openSpool(spoolPlace(stack, process.env), process.env),
    clock: { now: Date.now, sleep },
  }).then((code) => (process.exitCode = code), crash);
