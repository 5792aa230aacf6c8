import { utimesSync } from "node:fs";
import * as path from "node:path";
import { Fault } from "../fault";
import { isFields, parsed, text, type Fields } from "../jmap/json";
import { readIfThere, SECRET_MODE, writeDurably } from "../store";
import { inside } from "./inside";

export const FORMAT = "mail-stack-export";
export const FORMAT_VERSION = 1;
export const MANIFEST = "manifest.json";

/** A file of JSON lines. `file` is relative to the account's folder and holds the start of the hash. */
export interface LinesFile {
  readonly file: string;
  readonly sha256: string;
  readonly lines: number;
}

/** What is missing in the export although the server should have it. */
export interface Gap {
  /** Id of a message, or the kind of object. */
  readonly what: string;
  readonly why: string;
}

export interface AccountEntry {
  /** Of the account, relative to the export: `accounts/me@example.org`. */
  readonly folder: string;
  readonly id: string;
  readonly name: string;
  /** When its content or states changed last. Times are UTC, ISO 8601. */
  readonly exportedAt: string;
  /** When every e-mail was listed last, not only what had changed. */
  readonly listedAt: string;
  /** JMAP states by type. */
  readonly states: Readonly<Record<string, string>>;
  /** Entries of `emails`; the same bytes in two places are one file with two names. */
  readonly messages: number;
  readonly bytes: number;
  /** E-mails in each mailbox, by its id. */
  readonly inMailboxes: Readonly<Record<string, number>>;
  /** Content keys of some of the newest e-mails by id: other contents under these ids are another time of the server. */
  readonly witnesses: Readonly<Record<string, string>>;
  /** By kind: `emails`, `mailboxes`, … */
  readonly files: Readonly<Record<string, LinesFile>>;
  readonly gaps: readonly Gap[];
}

export interface Manifest {
  readonly format: typeof FORMAT;
  readonly formatVersion: number;
  readonly server: string;
  readonly accounts: readonly AccountEntry[];
}

/** Undefined when there is none. Throws a `Fault` for one that this version does not understand. */
export function readManifest(root: string): Manifest | undefined {
  const file = inside(root).place(MANIFEST);
  const content = readIfThere(file);
  if (content === undefined) return undefined;
  const value = parsed(content);
  if (!isFields(value) || value["format"] !== FORMAT) throw damaged(file, "is no manifest of an export");
  if (value["formatVersion"] !== FORMAT_VERSION) throw damaged(file, "is of another format version");
  const accounts = value["accounts"];
  if (!Array.isArray(accounts) || !accounts.every(isFields)) throw damaged(file, "lists no accounts");
  return {
    format: FORMAT,
    formatVersion: FORMAT_VERSION,
    server: text(value["server"]),
    accounts: accounts.map((account) => entryOf(account, file)),
  };
}

export function writeManifest(root: string, manifest: Manifest): void {
  writeDurably(path.join(root, MANIFEST), `${JSON.stringify(manifest, null, 1)}\n`, SECRET_MODE);
}

/** Its time is that of the last run that could export an account, also when it had nothing to write. */
export function touchManifest(root: string): void {
  const now = new Date();
  utimesSync(path.join(root, MANIFEST), now, now);
}

function entryOf(account: Fields, file: string): AccountEntry {
  const { folder, states, files, inMailboxes, messages, bytes } = account;
  // The manifest may come from anywhere; it must not lead out of the export.
  if (typeof folder !== "string" || !/^accounts\/[^/]+$/.test(folder) || /\/\.\.?$/.test(folder))
    throw damaged(file, "names a folder that is none of an account");
  if (!isFields(files)) throw damaged(file, "lists no files of an account");
  return {
    folder,
    id: text(account["id"]),
    name: text(account["name"]),
    exportedAt: text(account["exportedAt"]),
    listedAt: text(account["listedAt"]),
    states: only(states, (state): state is string => typeof state === "string"),
    inMailboxes: only(inMailboxes, (count): count is number => typeof count === "number"),
    witnesses: only(account["witnesses"], (key): key is string => typeof key === "string"),
    messages: typeof messages === "number" ? messages : 0,
    bytes: typeof bytes === "number" ? bytes : 0,
    files: Object.fromEntries(Object.entries(files).map(([kind, lines]) => [kind, linesFileOf(lines, file)])),
    gaps: gapsOf(account["gaps"]),
  };
}

function linesFileOf(value: unknown, file: string): LinesFile {
  if (!isFields(value)) throw damaged(file, "lists a file without its hash");
  const { file: name, sha256, lines } = value;
  if (typeof name !== "string" || !/^metadata\/[a-z]+\.[0-9a-f]{12}\.jsonl$/.test(name))
    throw damaged(file, "names a file that is none of an export");
  return { file: name, sha256: text(sha256), lines: typeof lines === "number" ? lines : 0 };
}

function gapsOf(value: unknown): readonly Gap[] {
  if (!Array.isArray(value)) return [];
  return value.filter(isFields).map((gap) => ({ what: text(gap["what"]), why: text(gap["why"]) }));
}

function only<T>(value: unknown, is: (item: unknown) => item is T): Readonly<Record<string, T>> {
  if (!isFields(value)) return {};
  return Object.fromEntries(Object.entries(value).filter((entry): entry is [string, T] => is(entry[1])));
}

function damaged(file: string, fact: string): Fault {
  return new Fault(
    `${file} ${fact}.`,
    "Nothing was read or changed.",
    "Take another folder, or restore this one: restic restore latest --include its path",
  );
}
