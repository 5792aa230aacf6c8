import { createHash } from "node:crypto";

import type { HostFile } from "../file";

import { tar } from "./tar";

/** Files as one archive, named by what is in it. */
export interface Pack {
  /** A ustar archive. */
  readonly archive: Buffer;
  /** SHA-256 of the archive, in hex. */
  readonly sha256: string;
}

/** What the scripts themselves keep in the apps folder. */
const KEPT_BY_THE_SCRIPTS = [
  ...["mail-stack/.env", "mail-stack/installed", "mail-stack/lock", "mail-stack/staging"],
  ...["mail-stack/closed", "mail-stack/upgrade", "mail-stack/upgrade.lock", "mail-stack/before-upgrade.tar"],
  ...["stalwart/version", "stalwart/applied", "backup/lock"],
  ...["stalwart/secrets/recovery-admin.env", "stalwart/secrets/stalwart-cli.env"],
];

/** Folders that containers write to. */
const CONTAINERS_OWN = [
  ...["stalwart/data", "stalwart/tls", "stalwart/keys", "traefik/acme"],
  ...["backup/cache", "backup/restore", "backup/state", "backup/work"],
];

/** At least one folder; no empty, hidden-parent or shell-relevant part. install.sh checks its list by the same rule. */
const PATH = /^[A-Za-z0-9_][A-Za-z0-9._-]*(\/[A-Za-z0-9._][A-Za-z0-9._-]*)+$/;

/**
 * Packs the files. The same files give the same bytes in whatever order they come. Throws for a path that could lead out of
 * the apps folder, that comes twice, that is also a folder, or that belongs to the scripts or to a container.
 */
export function pack(files: readonly HostFile[]): Pack {
  const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : 1));
  const paths = new Set<string>();
  for (const { path } of sorted) {
    const fault = pathFault(path, paths);
    if (fault !== undefined) throw new Error(`The host's file ${JSON.stringify(path)} ${fault}.`);
    paths.add(path);
  }
  const archive = tar(
    sorted.map(({ path, content, mode }) => ({ path, content: Buffer.from(content), mode: Number.parseInt(mode, 8) })),
  );
  return { archive, sha256: createHash("sha256").update(archive).digest("hex") };
}

function pathFault(path: string, before: ReadonlySet<string>): string | undefined {
  const parts = path.split("/");
  if (!PATH.test(path) || parts.includes(".") || parts.includes(".."))
    return "has no path of plain names below a folder";
  if (before.has(path)) return "is declared twice";
  const folders = parts.slice(1).map((_, at) => parts.slice(0, at + 1).join("/"));
  if (folders.some((folder) => before.has(folder))) return "lies below another file";
  if (folders.some((folder) => CONTAINERS_OWN.includes(folder))) return "lies in a folder that a container writes to";
  if ([path, ...folders].some((name) => KEPT_BY_THE_SCRIPTS.includes(name))) return "is kept by the host itself";
  return undefined;
}
