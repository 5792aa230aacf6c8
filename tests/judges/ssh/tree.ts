import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";

/** Everything below a folder, one line each: mode, kind, path, and of a file the hash of its content. */
export function tree(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .sort()
    .map((name) => {
      const path = join(folder, name);
      const stat = lstatSync(path);
      const mode = (stat.mode & 0o7777).toString(8).padStart(4, "0");
      if (stat.isDirectory()) return `${mode} ${name}/`;
      if (stat.isSymbolicLink()) return `${mode} ${name} -> ${readlinkSync(path)}`;
      return `${mode} ${name} ${createHash("sha256").update(readFileSync(path)).digest("hex").slice(0, 12)}`;
    });
}

/** As {@link tree}, and the inode and time of each: two of them are equal only when nothing was written. */
export function untouched(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .sort()
    .map((name) => {
      const { ino, mtimeNs, mode } = lstatSync(join(folder, name), { bigint: true });
      return `${name} ${ino} ${mtimeNs} ${mode}`;
    });
}
