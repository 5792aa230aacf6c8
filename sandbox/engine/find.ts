import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

import { PulumiCommand } from "@pulumi/pulumi/automation";
import { SemVer } from "semver";

import { buildTool, cachedFolder, goVersion } from "../../tools/go-tool";
import type { Progress } from "../progress";

/** The version that is built when none is on PATH; tools/pulumi/go.mod pins the same. */
export const ENGINE_VERSION = "3.259.0";
/** The oldest engine whose stand-in provider protocol was tried. */
const OLDEST = new SemVer("3.200.0");

export interface Engine {
  readonly command: PulumiCommand;
  /** Where it came from and why, for the report. */
  readonly source: string;
}

export interface NoEngine {
  readonly command: undefined;
  /** Why neither source had one, one line each. */
  readonly reasons: readonly string[];
}

/**
 * Finds a Pulumi CLI: on PATH, or built once from its Go module, which go.sum holds to what was pinned. Pulumi's own download is
 * left to the operator: its installer is a script that nothing here can check.
 */
export async function findEngine(progress: Progress): Promise<Engine | NoEngine> {
  const reasons: string[] = [];
  const onPath = await fromPath(reasons);
  if (onPath) return onPath;
  const root = cachedFolder("pulumi", ENGINE_VERSION);
  if (existsSync(join(root, "bin", "pulumi"))) {
    const command = await PulumiCommand.get({ root, version: new SemVer(ENGINE_VERSION), skipVersionCheck: true });
    return { command, source: `v${ENGINE_VERSION} from the cache of an earlier run` };
  }
  return (await fromGo(root, reasons, progress)) ?? { command: undefined, reasons };
}

/** Whether an engine can be had at once, without a build. */
export function engineAtHand(): boolean {
  const onPath = (process.env["PATH"] ?? "").split(delimiter).some((folder) => existsSync(join(folder, "pulumi")));
  return onPath || existsSync(join(cachedFolder("pulumi", ENGINE_VERSION), "bin", "pulumi"));
}

async function fromPath(reasons: string[]): Promise<Engine | undefined> {
  try {
    const command = await PulumiCommand.get({ skipVersionCheck: true });
    if (command.version && command.version.compare(OLDEST) >= 0)
      return { command, source: `v${command.version.version} on PATH` };
    reasons.push(`on PATH: version ${command.version?.version ?? "unknown"} is older than ${OLDEST.version}`);
  } catch {
    reasons.push("on PATH: there is no pulumi");
  }
  return undefined;
}

async function fromGo(root: string, reasons: string[], progress: Progress): Promise<Engine | undefined> {
  const version = goVersion();
  if (version === undefined) {
    reasons.push("build: there is no Go toolchain (go)");
    return undefined;
  }
  try {
    await progress.step(`building Pulumi ${ENGINE_VERSION} once with ${version}`, (tell) => buildTool("pulumi", tell));
  } catch (error) {
    reasons.push(`build: ${firstLine(error)}`);
    return undefined;
  }
  const command = await PulumiCommand.get({ root, version: new SemVer(ENGINE_VERSION), skipVersionCheck: true });
  return { command, source: `v${ENGINE_VERSION} built from its Go module (none on PATH)` };
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";
}
