import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

import { PulumiCommand } from "@pulumi/pulumi/automation";
import { SemVer } from "semver";

import { buildTool, cachedFolder, goVersion } from "../../tools/go-tool";
import type { Progress } from "../progress";

/** The version that is installed or built when none is on PATH; tools/pulumi/go.mod pins the same. */
export const ENGINE_VERSION = "3.259.0";
/** The oldest engine whose stand-in provider protocol was tried. */
const OLDEST = new SemVer("3.200.0");
const DOWNLOAD_HOST = "https://get.pulumi.com/";
const REACHABLE_WITHIN_MS = 4_000;

export interface Engine {
  readonly command: PulumiCommand;
  /** Where it came from and why, for the report. */
  readonly source: string;
}

export interface NoEngine {
  readonly command: undefined;
  /** Why none of the three sources had one, one line each. */
  readonly reasons: readonly string[];
}

/** Finds a Pulumi CLI: on PATH, then Pulumi's own download, then a build from its Go module; the last two are cached. */
export async function findEngine(progress: Progress): Promise<Engine | NoEngine> {
  const reasons: string[] = [];
  const onPath = await fromPath(reasons);
  if (onPath) return onPath;
  const root = cachedFolder("pulumi", ENGINE_VERSION);
  if (existsSync(join(root, "bin", "pulumi"))) {
    const command = await PulumiCommand.get({ root, version: new SemVer(ENGINE_VERSION), skipVersionCheck: true });
    return { command, source: `v${ENGINE_VERSION} from the cache of an earlier run` };
  }
  return (
    (await fromDownload(root, reasons, progress)) ??
    (await fromGo(root, reasons, progress)) ?? { command: undefined, reasons }
  );
}

/** Whether an engine can be had at once, without a download or a build. */
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

async function fromDownload(root: string, reasons: string[], progress: Progress): Promise<Engine | undefined> {
  try {
    await fetch(DOWNLOAD_HOST, { method: "HEAD", signal: AbortSignal.timeout(REACHABLE_WITHIN_MS) });
  } catch {
    reasons.push(`download: ${new URL(DOWNLOAD_HOST).host} is not reachable from here`);
    return undefined;
  }
  try {
    const command = await progress.step(`downloading Pulumi ${ENGINE_VERSION}`, () =>
      PulumiCommand.install({ version: new SemVer(ENGINE_VERSION), root, skipVersionCheck: true }),
    );
    return { command, source: `v${ENGINE_VERSION} downloaded by Pulumi's installer (none on PATH)` };
  } catch (error) {
    reasons.push(`download: the installer failed (${firstLine(error)})`);
    return undefined;
  }
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
  return { command, source: `v${ENGINE_VERSION} built from its Go module (none on PATH, no download here)` };
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";
}
