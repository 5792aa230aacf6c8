import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A file for a client. None holds a secret. */
export interface ClientFile {
  readonly name: string;
  readonly content: string | Buffer;
}

export interface Written {
  readonly path: string;
  /** False: it was there already, the same. */
  readonly changed: boolean;
}

/**
 * Writes each file whole or not at all; one that is there and the same stays untouched.
 *
 * @throws NodeJS.ErrnoException when the folder cannot be written
 */
export function writeFiles(folder: string, files: readonly ClientFile[]): readonly Written[] {
  mkdirSync(folder, { recursive: true });
  return files.map(({ name, content }) => {
    const path = join(folder, name);
    const bytes = Buffer.from(content);
    if (contentOf(path)?.equals(bytes) === true) return { path, changed: false };
    const unfinished = `${path}.${process.pid}`;
    writeFileSync(unfinished, bytes);
    renameSync(unfinished, path);
    return { path, changed: true };
  });
}

function contentOf(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}
