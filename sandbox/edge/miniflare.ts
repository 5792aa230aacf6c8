import { chmodSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { Miniflare, type MiniflareOptions } from "miniflare";

import { quoted } from "../../infra/formats/shell";
import { openRecord, processesFile } from "../leftovers";
import { temporaryFolder } from "../temporary";

/** Miniflare starts this program instead of workerd, if it is set; read whenever it starts one. */
const PROGRAM_VARIABLE = "MINIFLARE_WORKERD_PATH";
const workerdPath =
  process.env[PROGRAM_VARIABLE] ??
  (createRequire(require.resolve("miniflare"))("workerd") as { readonly default: string }).default;

/** This machine's clock prevents Workers from running. */
export class ClockIsBehind extends Error {}

/**
 * What is wrong with the clock for a Worker; undefined when nothing is. workerd runs no Worker before its compatibility date.
 *
 * @param date `2026-06-01`
 */
export function clockFault(date: string, now = new Date()): string | undefined {
  const today = now.toISOString().slice(0, "2026-06-01".length);
  if (date <= today) return undefined;
  return (
    `This machine's clock says ${today}, which is before the Worker's compatibility date ${date}.\n` +
    "No Worker can run here until it is right. Set the clock, then run this again: sudo timedatectl set-ntp true"
  );
}

export interface RunningMiniflare {
  readonly miniflare: Miniflare;
  readonly dispose: () => Promise<void>;
}

/**
 * Starts a Worker in workerd. workerd ends with this process, however that ends, and its files are below a temporary folder.
 *
 * @throws ClockIsBehind
 */
export async function startMiniflare(options: MiniflareOptions): Promise<RunningMiniflare> {
  const { compatibilityDate = "" } = options as { readonly compatibilityDate?: string };
  const fault = clockFault(compatibilityDate);
  if (fault !== undefined) throw new ClockIsBehind(fault);
  const folder = temporaryFolder();
  try {
    process.env[PROGRAM_VARIABLE] = workerdProgram();
    const miniflare = inFolder(folder.path, () => new Miniflare(options));
    await miniflare.ready;
    return {
      miniflare,
      async dispose() {
        await miniflare.dispose();
        folder.remove();
      },
    };
  } catch (error) {
    folder.remove();
    throw error;
  }
}

/** Miniflare looks up the folder of temporary files when it is constructed. */
function inFolder<T>(folder: string, work: () => T): T {
  const before = process.env["TMPDIR"];
  process.env["TMPDIR"] = folder;
  try {
    return work();
  } finally {
    if (before === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = before;
  }
}

/** A program that records itself and then becomes workerd. On Linux it is killed as soon as this process is gone. */
function workerdProgram(): string {
  const program = join(openRecord(), "workerd");
  const workerd = quoted(workerdPath);
  const script = `#!/bin/sh
start=$(cut -d ' ' -f 22 "/proc/$$/stat" 2>/dev/null) || start=$(LC_ALL=C TZ=UTC ps -o lstart= -p "$$")
echo "$$ $start" >>${quoted(processesFile())}
if setpriv --pdeathsig KILL true 2>/dev/null; then exec setpriv --pdeathsig KILL ${workerd} "$@"; fi
exec ${workerd} "$@"
`;
  writeFileSync(program, script);
  chmodSync(program, 0o700);
  return program;
}
