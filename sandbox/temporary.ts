import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { closeRecord, FOLDER_PREFIX, makeFolder } from "./leftovers";

export interface TemporaryFolder {
  readonly path: string;
  readonly remove: () => void;
}

const folders = new Set<string>();

// Also when a library ends the process at Ctrl-C: Miniflare does.
process.once("exit", () => folders.forEach(removeFolder));

/**
 * A folder of its own that is gone when it is removed or the process ends. If the process is killed, the next process that asks
 * for a folder removes it.
 */
export function temporaryFolder(parent = tmpdir()): TemporaryFolder {
  const path = join(parent, `${FOLDER_PREFIX}${randomBytes(4).toString("hex")}`);
  folders.add(path);
  makeFolder(path);
  return { path, remove: () => removeFolder(path) };
}

function removeFolder(path: string): void {
  rmSync(path, { recursive: true, force: true });
  folders.delete(path);
  if (folders.size === 0) closeRecord();
}
