/**
 * Runs `pulumi up`, or a preview, of a lab's stack in a process of its own and prints how it ended: what a failed program had under way
 * is rejected once its engine is gone, and the SDK counts every rejection of a process to whichever program runs then.
 * Reads the lab's workspace as JSON from standard input.
 */
import { readFileSync } from "node:fs";

import { LocalWorkspace, type LocalWorkspaceOptions } from "@pulumi/pulumi/automation";

import { program } from "../../infra/program";
import { PROJECT } from "../../infra/settings/keys";
import { findEngine } from "../../sandbox/engine/find";
import { silent } from "../../sandbox/progress";
import { impatient } from "./impatient";
import type { ProgramName } from "./lab";

const PROGRAMS: Readonly<Record<string, typeof program>> = { program, impatient } satisfies Record<
  ProgramName,
  typeof program
>;

async function main(): Promise<string> {
  const [, , which = "program", verb] = process.argv;
  const workspace = JSON.parse(readFileSync(0, "utf8")) as LocalWorkspaceOptions;
  const { command } = await findEngine(silent);
  if (command === undefined) return "no engine";
  const stack = await LocalWorkspace.selectStack(
    { projectName: PROJECT, stackName: "prod", program: PROGRAMS[which] ?? program },
    { ...workspace, pulumiCommand: command },
  );
  return await (verb === "preview" ? stack.preview() : stack.up()).then(
    () => "succeeded",
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
}

void main().then((text) => process.stdout.write(text, () => process.exit(0)));
