import { createHash } from "node:crypto";

import { tar, type TarEntry } from "../infra/host/ship/tar";

const BLOCK = 512;
/** The archive follows the script's last line, in base64. */
const SCRIPT = /^([^]*\nmain; exit\n)([A-Za-z0-9+/=\s]+)$/;

/** The install script with the content of one of its files changed. A script without files stays as it is. */
export function changedFile(script: string, path: string, change: (content: string) => string): string {
  const [, code, encoded] = SCRIPT.exec(script) ?? [];
  if (code === undefined || encoded === undefined) return script;
  const before = Buffer.from(encoded, "base64");
  const entries = entriesOf(before);
  const changed = entries.map((entry) =>
    entry.path === path ? { ...entry, content: Buffer.from(change(entry.content.toString("utf8"))) } : entry,
  );
  const isSame = changed.every(({ content }, index) => content.equals(entries[index]?.content ?? Buffer.of()));
  if (isSame) throw new Error(`${path} is not among the shipped files, or it is as it was.`);
  const after = tar(changed);
  return `${code.replace(sha256(before), sha256(after))}${after.toString("base64")}\n`;
}

/** The shipped files by path; none for a script without files. */
export function shippedFiles(script: string): ReadonlyMap<string, string> {
  const encoded = SCRIPT.exec(script)?.[2];
  if (encoded === undefined) return new Map();
  return new Map(
    entriesOf(Buffer.from(encoded, "base64")).map(({ path, content }) => [path, content.toString("utf8")]),
  );
}

/** POSIX ustar: a header of one block, then the content in whole blocks. */
function entriesOf(archive: Buffer): TarEntry[] {
  const entries: TarEntry[] = [];
  for (let at = 0; archive[at] !== undefined && archive[at] !== 0;) {
    const text = (from: number, bytes: number) =>
      archive
        .subarray(at + from, at + from + bytes)
        .toString("utf8")
        .split("\0", 1)[0] ?? "";
    const length = Number.parseInt(text(124, 12), 8);
    const content = archive.subarray(at + BLOCK, at + BLOCK + length);
    entries.push({ path: text(0, 100), content, mode: Number.parseInt(text(100, 8), 8) });
    at += BLOCK + Math.ceil(length / BLOCK) * BLOCK;
  }
  return entries;
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
