import { existsSync } from "node:fs";
import { Fault } from "../fault";
import { isFields, parsed, stableJson, type Fields } from "../jmap/json";
import { readIfThere, SECRET_MODE, writeDurably } from "../store";
import { inside } from "./inside";
import type { LinesFile } from "./manifest";
import { nodeCrypto } from "../node-crypto";

const HASH_IN_NAME = 12;

/**
 * Writes objects as JSON lines in the given order, into a file whose name holds the start of its hash: the same content
 * has the same name, and is then not written again.
 */
export function writeLines(folder: string, kind: string, values: readonly Fields[]): LinesFile {
  const content = values.map((value) => `${stableJson(value)}\n`).join("");
  const sha256 = nodeCrypto().createHash("sha256").update(content).digest("hex");
  const file = `metadata/${kind}.${sha256.slice(0, HASH_IN_NAME)}.jsonl`;
  const target = inside(folder).partPlace("metadata", file);
  if (!existsSync(target)) writeDurably(target, content, SECRET_MODE);
  return { file, sha256, lines: values.length };
}

/**
 * Reads them back.
 *
 * @throws Fault when the file is missing, lies outside the folder or does not have its hash
 */
export function readLines(folder: string, { file, sha256 }: LinesFile): readonly Fields[] {
  const target = inside(folder).partPlace("metadata", file);
  const content = readIfThere(target);
  if (content === undefined) throw damaged(target, "is not there");
  if (nodeCrypto().createHash("sha256").update(content).digest("hex") !== sha256)
    throw damaged(target, "does not have the hash that the manifest says");
  return content.split("\n").map(parsed).filter(isFields);
}

function damaged(file: string, fact: string): Fault {
  return new Fault(
    `${file} ${fact}.`,
    "This export is damaged, and nothing of the account was read from it.",
    "Restore the export from the backup, or make a new one in an empty folder: onhost export FOLDER",
  );
}
