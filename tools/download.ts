/**
 * Shows that a machine with empty caches can download every Go module under tools/. On a machine that has a module in its cache,
 * nobody notices when the proxy no longer serves it. The result is kept by the hash of go.mod and go.sum, beside the built programs.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { progressOn } from "../sandbox/progress";
import { temporaryFolder } from "../sandbox/temporary";
import { cacheFolder } from "./go-tool";

/** How many characters at the end of Go's error are shown. */
const SHOWN_CHARACTERS = 1_000;

/** The folders under `root` that hold a Go module. */
export function moduleFolders(root = __dirname): string[] {
  return readdirSync(root)
    .filter((name) => existsSync(join(root, name, "go.mod")))
    .sort();
}

/** The file that records that the modules of `folder` could be downloaded as its go.mod and go.sum now pin them. */
export function stampOf(folder: string): string {
  const hash = createHash("sha256");
  for (const file of ["go.mod", "go.sum"]) hash.update(readFileSync(join(folder, file))).update("\0");
  return join(cacheFolder(), "downloaded", hash.digest("hex"));
}

/**
 * Downloads everything that the module's programs are built from into an empty module cache, then removes the cache.
 *
 * @throws with Go's error.
 */
export function downloadModules(folder: string): void {
  const stamp = stampOf(folder);
  const cache = temporaryFolder();
  try {
    const { status, stderr } = spawnSync("go", ["list", "-deps", "tool"], {
      cwd: folder,
      encoding: "utf8",
      env: {
        ...process.env,
        GOMODCACHE: cache.path,
        // Go makes the cache read-only otherwise, and nobody but root could remove it.
        GOFLAGS: `${process.env["GOFLAGS"] ?? ""} -modcacherw`,
      },
      stdio: ["ignore", "ignore", "pipe"],
    });
    if (status !== 0) throw new Error(`${folder}: ${stderr.slice(-SHOWN_CHARACTERS)}`);
  } finally {
    cache.remove();
  }
  mkdirSync(join(cacheFolder(), "downloaded"), { recursive: true });
  writeFileSync(stamp, "");
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
