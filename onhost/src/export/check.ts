import { existsSync } from "node:fs";
import * as path from "node:path";
import { Fault } from "../fault";
import { forEach } from "../jmap/each";
import { text } from "../jmap/json";
import { storedEmailOf } from "./emails";
import { messageFile } from "./folders";
import { hashOf } from "./incoming";
import { MAILBOXES, SIEVE } from "./kinds";
import { readLines } from "./lines";
import type { AccountEntry, Manifest } from "./manifest";

const FILES_AT_ONCE = 4;

export interface Damage {
  readonly account: string;
  /** Relative to the export. */
  readonly file: string;
  readonly what: "missing" | "changed";
}

export interface CheckReport {
  readonly accounts: number;
  readonly messages: number;
  readonly files: number;
  readonly damages: readonly Damage[];
  /** Of runs that had gaps; they are no damage to what is there. */
  readonly gaps: number;
}

/** Reads every file that the manifest stands for and compares hashes. */
export async function checkExport(root: string, manifest: Manifest): Promise<CheckReport> {
  const damages: Damage[] = [];
  let [files, messages, gaps] = [0, 0, 0];
  for (const entry of manifest.accounts) {
    const wanted = wantedFiles(root, entry, damages);
    files += wanted.size;
    messages += entry.messages;
    gaps += entry.gaps.length;
    await forEach(wanted, FILES_AT_ONCE, async ([file, sha256]) => {
      const what = await damageOf(path.join(root, file), sha256);
      if (what !== undefined) damages.push({ account: entry.name, file, what });
    });
  }
  return { accounts: manifest.accounts.length, messages, files, damages, gaps };
}

/** Hashes of the messages of an account that have a damaged or missing file; `isWhole`: the lists of them are readable. */
export async function damagedHashes(
  root: string,
  entry: AccountEntry,
): Promise<{ readonly isWhole: boolean; readonly hashes: ReadonlySet<string> }> {
  const damages: Damage[] = [];
  const hashes = new Set<string>();
  const wanted = wantedFiles(root, entry, damages);
  await forEach(wanted, FILES_AT_ONCE, async ([file, sha256]) => {
    if ((await damageOf(path.join(root, file), sha256)) !== undefined) hashes.add(sha256);
  });
  return { isWhole: damages.length === 0, hashes };
}

/** Files and their hashes. Lists that cannot be read are added to the damages. */
function wantedFiles(root: string, entry: AccountEntry, damages: Damage[]): ReadonlyMap<string, string> {
  const folder = path.join(root, entry.folder);
  const wanted = new Map<string, string>();
  const add = (name: string, sha256: string) => wanted.set(`${entry.folder}/${name}`, sha256);
  const lines = (kind: string) => {
    const file = entry.files[kind];
    if (file === undefined) return [];
    try {
      return readLines(folder, file);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      const what = existsSync(path.join(folder, file.file)) ? "changed" : "missing";
      damages.push({ account: entry.name, file: `${entry.folder}/${file.file}`, what });
      return [];
    }
  };
  const known = new Set([MAILBOXES.kind, SIEVE.kind, "emails"]);
  for (const [kind, file] of Object.entries(entry.files)) if (!known.has(kind)) add(file.file, file.sha256);
  for (const script of lines(SIEVE.kind)) add(text(script["file"]), text(script["sha256"]));
  const folders = new Map(lines(MAILBOXES.kind).map((line) => [text(line["id"]), text(line["folder"])]));
  for (const email of lines("emails").map(storedEmailOf))
    for (const id of email.mailboxes)
      add(`${folders.get(id) ?? "mail/unknown"}/${messageFile(email.receivedAt, email.sha256)}`, email.sha256);
  return wanted;
}

async function damageOf(file: string, sha256: string): Promise<Damage["what"] | undefined> {
  try {
    return (await hashOf(file)) === sha256 ? undefined : "changed";
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "missing";
    throw error;
  }
}
