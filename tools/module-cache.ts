import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

import { temporaryFolder, type TemporaryFolder } from "../sandbox/temporary";

/** What outlives a checkout, so that a fresh clone does not build again. */
export function cacheFolder(): string {
  const base = process.env["XDG_CACHE_HOME"];
  return join(base !== undefined && base !== "" ? base : join(homedir(), ".cache"), "mail-stack");
}

let cache: TemporaryFolder | undefined;

/**
 * The environment for Go with a module cache that was empty when this process began, and is removed when it ends. What this
 * machine has cached must not hide that the proxy no longer serves a module.
 */
export function freshModules(): NodeJS.ProcessEnv {
  cache ??= temporaryFolder();
  // Go makes the cache read-only otherwise, and only root could remove it.
  const flags = `${process.env["GOFLAGS"] ?? ""} -modcacherw`.trim();
  return { ...process.env, GOMODCACHE: cache.path, GOFLAGS: flags };
}

/** Where it is remembered that the modules of `folder` could be downloaded as its go.mod and go.sum pin them now. */
export function stampOf(folder: string): string {
  const hash = createHash("sha256");
  for (const file of ["go.mod", "go.sum"]) hash.update(readFileSync(join(folder, file))).update("\0");
  return join(cacheFolder(), "downloaded", hash.digest("hex"));
}

export function rememberDownload(folder: string): void {
  const stamp = stampOf(folder);
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, "");
}
