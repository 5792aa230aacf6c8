import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeSync,
} from "node:fs";
import * as path from "node:path";

export const FOLDER_MODE = 0o700;

/** What a file holds, or which names a folder has, lasts after this. */
export function syncFolder(folder: string): void {
  const descriptor = openSync(folder, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Everything below a folder lasts after this. One call for the file system, where there is a `sync` that can (coreutils,
 * busybox): 5,000 times fsync takes longer than the download. Otherwise file by file.
 */
export function syncAll(folder: string): void {
  // Loaded here, because most runs have nothing to make last.
  const { spawnSync } = process.getBuiltinModule("node:child_process");
  if (spawnSync("sync", ["-f", folder], { stdio: "ignore" }).status === 0) return;
  for (const name of readdirSync(folder)) syncFolder(path.join(folder, name));
  syncFolder(folder);
}

/** The system may write less than it was given. */
export function writeAll(descriptor: number, content: Buffer): void {
  for (let from = 0; from < content.length;) from += writeSync(descriptor, content, from);
}

/**
 * A further name for a file; false when it is there already. The name holds the content's hash, so what is there is the
 * same file, unless the caller knows that it is `damaged`.
 */
export function link(from: string, to: string, damaged: boolean): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    if (!damaged) return false;
    const whole = `${to}.whole`;
    rmSync(whole, { force: true });
    linkSync(from, whole);
    renameSync(whole, to);
    return true;
  }
}

export function makeFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: FOLDER_MODE });
}

/** Removes every file below `root` that is not wanted, and every folder that is neither wanted nor needed. */
export function prune(root: string, isWanted: (relative: string) => boolean, relative = ""): boolean {
  let isEmpty = true;
  for (const entry of readdirSync(path.join(root, relative), { withFileTypes: true })) {
    const name = relative === "" ? entry.name : `${relative}/${entry.name}`;
    if (entry.isDirectory()) {
      if (prune(root, isWanted, name) && !isWanted(name)) rmdirSync(path.join(root, name));
      else isEmpty = false;
    } else if (isWanted(name)) isEmpty = false;
    else rmSync(path.join(root, name));
  }
  return isEmpty;
}
