import { spawn } from "node:child_process";
import { join } from "node:path";

import type { PulumiCommand, PulumiFn } from "@pulumi/pulumi/automation";

import { program } from "../../infra/program";
import { settingsOf } from "../../infra/settings/stack-file";
import { findEngine } from "../../sandbox/engine/find";
import { type Providers, serveProviders } from "../../sandbox/engine/providers";
import { createStack, type SandboxStack } from "../../sandbox/engine/stack";
import { type Outside, startOutside } from "../../sandbox/outside";
import { silent } from "../../sandbox/progress";
import { type StandIns, standIns } from "../../sandbox/stand-ins";

/** Engine runs take seconds each. */
export const ENGINE_TIMEOUT_MS = 180_000;

export type ProgramName = "program" | "impatient";

/** One deployment on the engine with its own world outside. */
export interface Lab extends SandboxStack {
  readonly command: PulumiCommand;
  readonly outside: Outside;
  readonly invented: StandIns;
  readonly providers: Providers;
  close(): Promise<void>;
}

export async function newLab(theProgram: PulumiFn = program, invented: StandIns = standIns("prod")): Promise<Lab> {
  const engine = await findEngine(silent);
  if (engine.command === undefined) throw new Error(`no engine: ${engine.reasons.join("; ")}`);
  const outside = await startOutside(settingsOf("prod", invented), invented);
  const providers = await serveProviders(outside.world);
  const sandboxed = await createStack({
    command: engine.command,
    name: "prod",
    program: theProgram,
    providers,
    standIns: invented,
    apiUrl: outside.apiUrl,
  });
  return {
    ...sandboxed,
    command: engine.command,
    outside,
    invented,
    providers,
    async close() {
      providers.close();
      sandboxed.remove();
      await outside.close();
    },
  };
}

/**
 * `pulumi up`, or a preview, of the lab's stack in a process of its own (up-once.ts).
 *
 * @param which of the programs that up-once.ts knows
 * @returns "succeeded" or the error
 */
export function upElsewhere(lab: Lab, which: ProgramName = "program", verb: "up" | "preview" = "up"): Promise<string> {
  const child = spawn(process.execPath, ["--import", "tsx", join(__dirname, "up-once.ts"), which, verb], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  child.stdin.end(JSON.stringify(lab.workspace));
  let ended = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (ended += text));
  return new Promise((resolve, reject) => child.on("error", reject).on("close", () => resolve(ended)));
}
