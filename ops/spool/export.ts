import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { type Entry, nameOf } from "./entries";
import { SpoolError, type SpoolObjects } from "./objects";

/** Mail is nobody else's business. */
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

/**
 * Writes each message as it is (`.eml`) and what is known of it (`.json`) below `folder`. Nothing in the bucket changes. A
 * file is either whole or not there, so a second export goes on where the first one broke.
 *
 * @returns the number of messages
 */
export async function exportAll(objects: SpoolObjects, entries: readonly Entry[], folder: string): Promise<number> {
  let written = 0;
  for (const entry of entries) {
    const bytes = await objects.get(entry.key);
    // Delivered meanwhile.
    if (bytes === undefined) continue;
    if (bytes.length !== entry.size)
      throw new SpoolError(
        `${entry.key} came with ${bytes.length} of ${entry.size} bytes. It was not written; ${written} messages were. Run ` +
          "the command again.",
      );
    const place = join(folder, entry.state);
    mkdirSync(place, { recursive: true, mode: FOLDER_MODE });
    const name = fileName(entry);
    // The message last: where it is, its description is as well.
    writeWhole(place, `${name}.json`, `${JSON.stringify(entry, undefined, 2)}\n`);
    writeWhole(place, `${name}.eml`, bytes);
    written += 1;
  }
  return written;
}

function writeWhole(folder: string, name: string, content: string | Buffer): void {
  const temporary = join(folder, `.${name}.${process.pid}.part`);
  try {
    writeFileSync(temporary, content, { mode: FILE_MODE, flag: "wx" });
    renameSync(temporary, join(folder, name));
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** A file system's own characters, and the colons of the time, are not for names. */
function fileName({ key }: Entry): string {
  const name = nameOf(key)
    .replace(/\.eml$/, "")
    .replace(/[^A-Za-z0-9._-]/g, "-");
  return name.replace(/^\.+/, "-");
}
