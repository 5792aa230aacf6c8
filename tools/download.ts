/**
 * Shows that a machine with empty caches can download every Go module under tools/. A build shows this for its own modules; this
 * is for programs that were built before go.mod or go.sum changed.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { progressOn } from "../sandbox/progress";
import { freshModules, rememberDownload, stampOf } from "./module-cache";

/** How many characters at the end of Go's error are shown. */
const SHOWN_CHARACTERS = 1_000;

/** The folders under `root` that hold a Go module. */
export function moduleFolders(root = __dirname): string[] {
  return readdirSync(root)
    .filter((name) => existsSync(join(root, name, "go.mod")))
    .sort();
}

/**
 * Downloads everything that the module's programs are built from.
 *
 * @throws with Go's error.
 */
export function downloadModules(folder: string): void {
  const { status, stderr } = spawnSync("go", ["list", "-deps", "tool"], {
    cwd: folder,
    encoding: "utf8",
    env: freshModules(),
    stdio: ["ignore", "ignore", "pipe"],
  });
  if (status !== 0) throw new Error(`${folder}: ${stderr.slice(-SHOWN_CHARACTERS)}`);
  rememberDownload(folder);
}

async function main(): Promise<void> {
  const folders = moduleFolders().map((name) => join(__dirname, name));
  for (const folder of folders.filter((each) => !existsSync(stampOf(each))))
    await progressOn().step(`downloading the modules of ${folder} into an empty cache`, async () =>
      Promise.resolve(downloadModules(folder)),
    );
}

if (require.main === module)
  void main().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
