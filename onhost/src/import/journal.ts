import { closeSync, mkdirSync, openSync } from "node:fs";
import * as path from "node:path";
import { FOLDER_MODE, writeAll } from "../export/files";
import { fileName } from "../export/names";
import { isFields, parsed, text } from "../jmap/json";
import { readIfThere, SECRET_MODE } from "../store";
import { nodeCrypto } from "../node-crypto";

/**
 * What was imported into one account of one server: message -> id there. It saves looking at contents again; what is not
 * in it is looked for on the server, so a line that is lost costs time only.
 */
export interface Journal {
  readonly done: ReadonlyMap<string, string>;
  readonly add: (key: string, id: string) => void;
  readonly close: () => void;
}

/** The same content in the same mailboxes is the same message. */
export function journalKey(sha256: string, mailboxes: readonly string[]): string {
  return nodeCrypto()
    .createHash("sha256")
    .update(JSON.stringify([sha256, ...mailboxes]))
    .digest("hex");
}

/** Opens or makes the journal in a folder. A line that a kill cut off is left out. */
export function openJournal(folder: string, server: string, accountId: string): Journal {
  const place = nodeCrypto()
    .createHash("sha256")
    .update(JSON.stringify([server, accountId]))
    .digest("hex")
    .slice(0, 12);
  const file = path.join(folder, `${fileName(accountId)}.${place}.jsonl`);
  const content = readIfThere(file) ?? "";
  const lines = content.split("\n").map(parsed).filter(isFields);
  const done = new Map(lines.map((line) => [text(line["key"]), text(line["id"])]));
  let descriptor: number | undefined;
  return { done, add, close };

  function add(key: string, id: string): void {
    done.set(key, id);
    if (descriptor === undefined) {
      mkdirSync(folder, { recursive: true, mode: FOLDER_MODE });
      descriptor = openSync(file, "a", SECRET_MODE);
      // After a line that was cut off the next one begins on its own.
      if (content !== "" && !content.endsWith("\n")) writeAll(descriptor, Buffer.from("\n"));
    }
    writeAll(descriptor, Buffer.from(`${JSON.stringify({ key, id })}\n`));
  }

  function close(): void {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}
