import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import * as path from "node:path";
import { Fault, reasonOf } from "./fault";
import { nodeCrypto } from "./node-crypto";

export const SECRET_MODE = 0o600;
export const PUBLIC_MODE = 0o644;
const FOLDER_MODE = 0o700;

/** The text of a file; undefined when there is none. Throws a `Fault` when it cannot be read. */
export function readIfThere(file: string): string | undefined {
  return ifThere(file, () => readFileSync(file, "utf8"));
}

/** What is in a folder; nothing when there is none. Throws a `Fault` when it cannot be read. */
export function namesIn(folder: string): readonly string[] {
  return ifThere(folder, () => readdirSync(folder)) ?? [];
}

/**
 * Replaces a file so that after a power cut it is the old or the new one, whole: temporary name, fsync, rename, fsync.
 * Throws a `Fault` when that fails, and the old one stays.
 */
export function writeDurably(file: string, content: string, mode: number): void {
  const folder = path.dirname(file);
  const temporary = `${file}.${nodeCrypto().randomBytes(6).toString("hex")}.tmp`;
  try {
    mkdirSync(folder, { recursive: true, mode: FOLDER_MODE });
    const descriptor = openSync(temporary, "wx", mode);
    try {
      writeFileSync(descriptor, content);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, file);
    syncFolder(folder);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw fileFault(file, "written", error);
  }
}

export function removeDurably(file: string): void {
  try {
    rmSync(file, { force: true });
    syncFolder(path.dirname(file));
  } catch (error) {
    throw fileFault(file, "removed", error);
  }
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function ifThere<T>(place: string, read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if ((Object(error) as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw fileFault(place, "read", error);
  }
}

function fileFault(place: string, verb: string, error: unknown): Fault {
  return new Fault(
    `${place} cannot be ${verb} (${reasonOf(error)}).`,
    "The command ended there. Run again, it goes on from what is done.",
    "Make it belong to the user that runs the containers, and see that the disk has room.",
    { cause: error },
  );
}
