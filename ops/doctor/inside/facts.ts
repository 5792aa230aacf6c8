import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import type { HostFile } from "../../../infra/host/file";
import { hostFiles } from "../../../infra/host/files";
import { quoted } from "../../../infra/formats/shell";
import type { Settings } from "../../../infra/settings/settings";
import { type Context, hasHost, type HostDeployment } from "../context";

/** Stands where a file has a secret that only the state knows. */
const UNKNOWN = "not-known-to-the-doctor";
const LABEL_LINE = /^.*mail-stack\.files.*\n/gm;

/** One answer of the host. */
export interface Facts {
  /** The value; empty when the host has none. */
  readonly one: (name: string) => string;
  readonly all: (name: string) => readonly string[];
  /** The host's clock minus ours, in seconds, to the second or two that the connection takes. */
  readonly clockAheadSeconds: number;
}

/** A shipped file, and what it has to be on the host; `sha256` is unknown where a secret of the state is in it. */
export interface WantedFile {
  readonly path: string;
  readonly mode: string;
  readonly sha256: string | undefined;
}

const asked = new WeakMap<Context, Promise<Facts>>();
const wanted = new WeakMap<Settings, readonly WantedFile[]>();

/** Asks the host once for each examination. */
export function factsOf(context: Context): Promise<Facts> {
  const known = asked.get(context) ?? ask(context);
  asked.set(context, known);
  return known;
}

/** What `pulumi up` has installed. */
export function wantedFiles(settings: Settings): readonly WantedFile[] {
  const known = wanted.get(settings) ?? files(settings).map(asWanted);
  wanted.set(settings, known);
  return known;
}

/** Names of the user's timers. */
export function timersOf(settings: Settings): readonly string[] {
  return wantedFiles(settings).flatMap(({ path }) => /\/units\/([^/]+\.timer)$/.exec(path)?.[1] ?? []);
}

function files(settings: Settings): readonly HostFile[] {
  return hostFiles(settings, {
    tunnelToken: UNKNOWN,
    acmeDnsToken: UNKNOWN,
    ...(settings.tailnet && { tailnetKey: UNKNOWN }),
    backupKey: { accessKeyId: UNKNOWN, secretAccessKey: UNKNOWN },
  });
}

/** As facts.sh sums it: without the lines whose labels are digests of secrets. */
function asWanted({ path, mode, content }: HostFile): WantedFile {
  const text = content.replace(LABEL_LINE, "");
  const sha256 = text.includes(UNKNOWN) ? undefined : createHash("sha256").update(text).digest("hex");
  return { path, mode: Number.parseInt(mode, 8).toString(8), sha256 };
}

async function ask({ ssh, deployment }: Context): Promise<Facts> {
  if (!hasHost(deployment)) throw new Error("another stack has the host");
  const before = Date.now();
  const { code, stdout, stderr } = await ssh.run(factsScript(deployment));
  const ours = (before + Date.now()) / 2_000;
  if (code !== 0)
    throw new Error(`the host does not run the doctor's script: ${stderr.trim().split("\n").at(-1) ?? ""}`);
  const lines = stdout.split("\n").flatMap((line) => {
    const at = line.indexOf("\t");
    return at < 0 ? [] : [[line.slice(0, at), line.slice(at + 1)] as const];
  });
  const all = (name: string) => lines.filter(([key]) => key === name).map(([, value]) => value);
  const one = (name: string) => all(name)[0] ?? "";
  return { one, all, clockAheadSeconds: Number(one("time")) - ours };
}

function factsScript({ settings }: HostDeployment): string {
  const list = (words: readonly string[]) => `(${words.map(quoted).join(" ")})`;
  return [
    `apps_folder=${quoted(settings.host.folder)}`,
    `files=${list(wantedFiles(settings).map(({ path }) => path))}`,
    `timers=${list(timersOf(settings))}`,
    readFileSync(join(__dirname, "facts.sh"), "utf8"),
    "main; exit 0",
    "",
  ].join("\n");
}
