/**
 * What one of our processes has made outside itself: temporary folders, which may hold keys, and processes. Each is recorded
 * before it is made, so that the next run of anything here removes what a killed process has left.
 */
import {
  appendFileSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, isAbsolute, join } from "node:path";

import { isRunning, placeHere, startOf, type Place, type ProcessIdentity } from "./process-identity";

const RECORD_PREFIX = "mail-stack-run-";
/** Names of our temporary folders, wherever they are. */
export const FOLDER_PREFIX = "mail-stack-";
const [OWNER, FOLDERS, PROCESSES] = ["owner.json", "folders", "processes"] as const;

/** The record of this process; undefined while there is nothing to record. */
let record: string | undefined;

/** Before the folder is made. */
export function writeDown(folder: string): void {
  appendFileSync(join(openRecord(), FOLDERS), `${folder}\n`);
}

/** The folder of the record, in which programs record themselves (`PID START`, one line each). */
export function openRecord(): string {
  if (record !== undefined) return record;
  sweep();
  record = mkdtempSync(join(tmpdir(), RECORD_PREFIX));
  writeFileSync(join(record, OWNER), JSON.stringify({ pid: process.pid, start: startOf(process.pid), ...placeHere() }));
  return record;
}

/** The file for what `openRecord` says. */
export function processesFile(): string {
  return join(openRecord(), PROCESSES);
}

/** There is nothing left. */
export function closeRecord(): void {
  if (record !== undefined) rmSync(record, { recursive: true, force: true });
  record = undefined;
}

/** Removes what dead processes have left in the folder for temporary files. */
export function sweep(where = tmpdir()): void {
  const here = placeHere();
  for (const name of readdirSync(where)) {
    if (!name.startsWith(RECORD_PREFIX)) continue;
    const folder = join(where, name);
    // Another user's record is left alone.
    const stats = lstatSync(folder, { throwIfNoEntry: false });
    if (stats?.isDirectory() !== true || (process.getuid !== undefined && stats.uid !== process.getuid())) continue;
    const owner = ownerOf(folder);
    if (owner !== undefined && isDead(owner, here)) removeAll(folder, owner.boot === here.boot);
  }
}

/** Undefined for a record that is being made, or whose owner was killed at that moment with nothing in it. */
function ownerOf(folder: string): (Place & ProcessIdentity) | undefined {
  try {
    const owner: unknown = JSON.parse(readText(join(folder, OWNER)));
    return typeof owner === "object" && owner !== null ? (owner as Place & ProcessIdentity) : undefined;
  } catch {
    return undefined;
  }
}

function isDead({ host, boot, space, ...identity }: Place & ProcessIdentity, here: Place): boolean {
  if (host !== here.host) return false;
  return boot !== here.boot || (space === here.space && !isRunning(identity));
}

/** @param isSameBoot whether its processes may still run: after a restart the same number and start are another process */
function removeAll(folder: string, isSameBoot: boolean): void {
  // They write into the folders.
  for (const line of isSameBoot ? linesOf(join(folder, PROCESSES)) : []) {
    const [, pid = "", start = ""] = /^(\d+) (.+)$/.exec(line) ?? [];
    if (isRunning({ pid: Number(pid), start: start.trim() })) end(Number(pid));
  }
  const folders = linesOf(join(folder, FOLDERS)).filter(
    (path) => isAbsolute(path) && basename(path).startsWith(FOLDER_PREFIX),
  );
  // What cannot be removed keeps its record for the next run, and stops neither the other records nor this run.
  if (folders.map(isRemoved).every(Boolean)) isRemoved(folder);
}

function isRemoved(path: string): boolean {
  try {
    rmSync(path, { recursive: true, force: true });
    return true;
  } catch {
    return false;
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

function linesOf(file: string): readonly string[] {
  return readText(file)
    .split("\n")
    .filter((line) => line !== "");
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

/** @throws NodeJS.ErrnoException when it is there already */
export function makeFolder(path: string): void {
  writeDown(path);
  mkdirSync(path, { mode: 0o700 });
}
