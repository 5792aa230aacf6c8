import {
  closeSync,
  createReadStream,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import * as path from "node:path";
import { pipeline } from "node:stream/promises";
import { isFields, parsed, text } from "../jmap/json";
import { Trouble } from "../jmap/trouble";
import { FOLDER_MODE, syncAll, syncFolder, writeAll } from "./files";
import { inside, NotInside, type Inside } from "./inside";
import { readIfThere, SECRET_MODE } from "../store";
import { nodeCrypto } from "../node-crypto";

/** Below the account's folder while something changes there. That it exists says that a run has not ended. */
const INCOMING = "incoming";
const JOURNAL = "journal.jsonl";

/** Messages that were downloaded and are not yet part of the export. They survive a broken run. */
export interface Incoming {
  /** What an earlier run, that was broken off, has already brought: content key -> hash. */
  readonly found: ReadonlyMap<string, string>;
  /** Streams a message to disk; returns its hash. Throws `Trouble` when it has not the right size. */
  readonly take: (key: string, size: number, body: AsyncIterable<Buffer> | Iterable<Buffer>) => Promise<string>;
  readonly file: (sha256: string) => string;
  /** Messages that this run has brought. */
  readonly taken: () => number;
  /** After this what was taken is on the disk for good. */
  readonly settle: () => void;
  /** Removes it: everything is part of the export. */
  readonly remove: () => void;
}

export function isUnfinished(accountFolder: string): boolean {
  return existsSync(path.join(accountFolder, INCOMING));
}

/** Opens or makes it, and checks what is there: after a power cut a file may be shorter than its name says. */
export async function openIncoming(accountFolder: string): Promise<Incoming> {
  const places = inside(accountFolder);
  const folder = places.place(INCOMING);
  mkdirSync(folder, { recursive: true, mode: FOLDER_MODE });
  const journal = places.place(`${INCOMING}/${JOURNAL}`);
  const found = await survivors(places, folder, readIfThere(journal) ?? "");
  const journalDescriptor = openSync(journal, "a", SECRET_MODE);
  let parts = 0;
  let taken = 0;
  return { found, take, file, taken: () => taken, settle, remove };

  function file(sha256: string): string {
    return path.join(folder, `${sha256}.eml`);
  }

  async function take(key: string, size: number, body: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<string> {
    const part = path.join(folder, `${(parts += 1)}.part`);
    const hash = nodeCrypto().createHash("sha256");
    // Asynchronous writes cost more than the rest of a message's way; a chunk is at most 64 KiB.
    const descriptor = openSync(part, "w", SECRET_MODE);
    let written = 0;
    try {
      for await (const chunk of body) {
        hash.update(chunk);
        writeAll(descriptor, chunk);
        written += chunk.length;
      }
      if (written !== size) throw new Trouble(`download: ${written} bytes of a message that has ${size}`, "passing");
    } finally {
      closeSync(descriptor);
    }
    const sha256 = hash.digest("hex");
    renameSync(part, file(sha256));
    writeAll(journalDescriptor, Buffer.from(`${JSON.stringify({ key, sha256 })}\n`));
    taken += 1;
    return sha256;
  }

  function settle(): void {
    if (taken > 0) syncAll(folder);
  }

  function remove(): void {
    closeSync(journalDescriptor);
    rmSync(folder, { recursive: true, force: true });
    syncFolder(accountFolder);
  }
}

async function survivors(places: Inside, folder: string, journal: string): Promise<ReadonlyMap<string, string>> {
  const keys = new Map<string, string[]>();
  for (const line of journal.split("\n").map(parsed).filter(isFields)) {
    const sha256 = text(line["sha256"]);
    keys.set(sha256, [...(keys.get(sha256) ?? []), text(line["key"])]);
  }
  const found = new Map<string, string>();
  for (const name of readdirSync(folder)) {
    if (name === JOURNAL) continue;
    const sha256 = name.replace(/\.eml$/, "");
    const file = path.join(folder, name);
    const isWhole = keys.has(sha256) && isFileIn(places, `${INCOMING}/${name}`) && (await hashOf(file)) === sha256;
    if (isWhole) for (const key of keys.get(sha256) ?? []) found.set(key, sha256);
    else rmSync(file, { recursive: true });
  }
  return found;
}

function isFileIn(places: Inside, name: string): boolean {
  try {
    return statSync(places.place(name)).isFile();
  } catch (error) {
    if (error instanceof NotInside) return false;
    throw error;
  }
}

/** SHA-256 of a file, in hexadecimal. */
export async function hashOf(file: string): Promise<string> {
  const hash = nodeCrypto().createHash("sha256");
  // A pipeline costs more than the file for most messages.
  if (statSync(file).size === 0) return hash.digest("hex");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}
