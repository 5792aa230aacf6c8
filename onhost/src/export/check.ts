import { existsSync } from "node:fs";
import { Fault } from "../fault";
import { forEach } from "../jmap/each";
import { text } from "../jmap/json";
import { storedEmailOf } from "./emails";
import { messageFile } from "./folders";
import { hashOf } from "./incoming";
import { inside, NotInside, type Inside, type Part } from "./inside";
import { MAILBOXES, SIEVE } from "./kinds";
import { readLines } from "./lines";
import type { AccountEntry, Manifest } from "./manifest";

const FILES_AT_ONCE = 4;

export interface Damage {
  readonly account: string;
  /** Relative to the export. */
  readonly file: string;
  readonly what: "missing" | "changed" | "outside";
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
    const account = await checkAccount(root, entry);
    files += account.files;
    messages += entry.messages;
    gaps += entry.gaps.length;
    damages.push(...account.damages);
  }
  return { accounts: manifest.accounts.length, messages, files, damages, gaps };
}

/** As `checkExport`, of one account. */
export async function checkAccount(
  root: string,
  entry: AccountEntry,
): Promise<{ readonly files: number; readonly damages: readonly Damage[] }> {
  const damages: Damage[] = [];
  const wanted = wantedFiles(root, entry, damages);
  await forEach(wanted.values(), FILES_AT_ONCE, async (file) => {
    const what = await damageOf(file);
    if (what !== undefined) damages.push({ account: entry.name, file: `${entry.folder}/${file.name}`, what });
  });
  return { files: wanted.size, damages };
}

/** Hashes of the messages of an account that have a damaged or missing file; `isWhole`: the lists of them are readable. */
export async function damagedHashes(
  root: string,
  entry: AccountEntry,
): Promise<{ readonly isWhole: boolean; readonly hashes: ReadonlySet<string> }> {
  const damages: Damage[] = [];
  const hashes = new Set<string>();
  const wanted = wantedFiles(root, entry, damages);
  await forEach(wanted.values(), FILES_AT_ONCE, async (file) => {
    if ((await damageOf(file)) !== undefined) hashes.add(file.sha256);
  });
  return { isWhole: damages.length === 0, hashes };
}

interface Wanted {
  readonly places: Inside;
  readonly part: Part;
  /** Relative to the account's folder. */
  readonly name: string;
  readonly sha256: string;
}

/** Files by name. Lists that cannot be read are added to the damages. */
function wantedFiles(root: string, entry: AccountEntry, damages: Damage[]): ReadonlyMap<string, Wanted> {
  const wanted = new Map<string, Wanted>();
  const damaged = (file: string, what: Damage["what"]) =>
    void damages.push({ account: entry.name, file: `${entry.folder}${file}`, what });
  let folder: string;
  try {
    folder = inside(root).place(entry.folder);
  } catch (error) {
    if (!(error instanceof NotInside)) throw error;
    damaged("", "outside");
    return wanted;
  }
  const places = inside(folder);
  const add = (part: Part, name: string, sha256: string) => void wanted.set(name, { places, part, name, sha256 });
  const lines = (kind: string) => {
    const file = entry.files[kind];
    if (file === undefined) return [];
    try {
      return readLines(folder, file);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      const isOutside = error instanceof NotInside;
      damaged(`/${file.file}`, isOutside ? "outside" : existsSync(places.place(file.file)) ? "changed" : "missing");
      return [];
    }
  };
  const known = new Set([MAILBOXES.kind, SIEVE.kind, "emails"]);
  for (const [kind, { file, sha256 }] of Object.entries(entry.files))
    if (!known.has(kind)) add("metadata", file, sha256);
  for (const script of lines(SIEVE.kind)) add("scripts", text(script["file"]), text(script["sha256"]));
  const folders = new Map(lines(MAILBOXES.kind).map((line) => [text(line["id"]), text(line["folder"])]));
  for (const { receivedAt, sha256, mailboxes } of lines("emails").map(storedEmailOf))
    for (const id of mailboxes)
      add("mail", `${folders.get(id) ?? "mail/unknown"}/${messageFile(receivedAt, sha256)}`, sha256);
  return wanted;
}

async function damageOf({ places, part, name, sha256 }: Wanted): Promise<Damage["what"] | undefined> {
  try {
    return (await hashOf(places.partPlace(part, name))) === sha256 ? undefined : "changed";
  } catch (error) {
    if (error instanceof NotInside) return "outside";
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "missing";
    throw error;
  }
}
