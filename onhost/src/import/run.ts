import { reachableAccounts, type Account } from "../export/accounts";
import { storedEmailOf, type StoredEmail } from "../export/emails";
import { inside } from "../export/inside";
import { MAILBOXES, type Kind } from "../export/kinds";
import { readLines } from "../export/lines";
import type { AccountEntry, Gap, Manifest } from "../export/manifest";
import { Fault } from "../fault";
import type { Client } from "../jmap/client";
import { text, type Fields } from "../jmap/json";
import { Trouble } from "../jmap/trouble";
import { openJournal } from "./journal";
import { importMail, wantedMail, type MailOutcome } from "./mail";
import { importMailboxes } from "./mailboxes";
import { importObjects, type ObjectOutcome } from "./objects";

export interface ImportOptions {
  readonly root: string;
  readonly server: string;
  /** Account of the export -> account on the server; empty means every account into the one of its name. */
  readonly accounts: ReadonlyMap<string, string>;
  readonly journalFolder: string;
  readonly isDry: boolean;
  readonly onProgress: (account: string, done: number, total: number) => void;
}

export interface ImportedAccount {
  readonly account: string;
  readonly target: string;
  readonly mailboxes: { readonly created: number; readonly updated: number };
  /** `imported`: in a dry run those that would be. */
  readonly messages: { readonly total: number; readonly there: number; readonly imported: number };
  readonly objects: Readonly<Record<string, Omit<ObjectOutcome, "gaps">>>;
  readonly gaps: readonly Gap[];
}

export interface ImportReport {
  readonly isDry: boolean;
  readonly accounts: readonly ImportedAccount[];
  readonly requests: number;
}

/**
 * Brings what an export has into the server's accounts. Nothing on the server is removed or overwritten, and what is
 * there already is not made again, so it may be run as often as wanted. Throws a `Fault` when nothing can be done.
 */
export async function importAll(client: Client, manifest: Manifest, options: ImportOptions): Promise<ImportReport> {
  const reachable = await reachableAccounts(client);
  const accounts: ImportedAccount[] = [];
  for (const { entry, target } of pairs(manifest, options.accounts, reachable))
    accounts.push(await importAccount(client, entry, target, options));
  return { isDry: options.isDry, accounts, requests: client.traffic.requests };
}

async function importAccount(
  client: Client,
  entry: AccountEntry,
  target: Account,
  options: ImportOptions,
): Promise<ImportedAccount> {
  const report = {
    account: entry.name,
    target: target.name,
    mailboxes: { created: 0, updated: 0 },
    messages: { total: entry.messages, there: 0, imported: 0 },
    objects: {},
  };
  try {
    const folder = inside(options.root).place(entry.folder);
    const lines = (kind: Pick<Kind, "kind">): readonly Fields[] => {
      const file = entry.files[kind.kind];
      return file === undefined ? [] : readLines(folder, file);
    };
    const { total, mail, mailboxes, gaps } = await importMailOf(client, entry, target, folder, lines, options);
    const outcomes = await importObjects({ client, accountId: target.id, isDry: options.isDry }, folder, lines);
    const objects = Object.fromEntries(
      Object.entries(outcomes).map(([kind, { created, updated, there }]) => [kind, { created, updated, there }]),
    );
    return {
      ...report,
      mailboxes: { created: mailboxes.created, updated: mailboxes.updated },
      messages: { total, there: mail.there, imported: mail.imported },
      objects,
      gaps: [...gaps, ...Object.values(outcomes).flatMap((outcome) => outcome.gaps)],
    };
  } catch (error) {
    if (!(error instanceof Trouble || error instanceof Fault)) throw error;
    return { ...report, gaps: [{ what: "account", why: error.message }] };
  }
}

interface MailOfAccount {
  readonly total: number;
  readonly mail: Pick<MailOutcome, "there" | "imported">;
  readonly mailboxes: { readonly created: number; readonly updated: number };
  readonly gaps: readonly Gap[];
}

/** Without its lists messages cannot be told apart; everything but mail does without them. */
async function importMailOf(
  client: Client,
  entry: AccountEntry,
  target: Account,
  folder: string,
  lines: (kind: Pick<Kind, "kind">) => readonly Fields[],
  { server, journalFolder, isDry, onProgress }: ImportOptions,
): Promise<MailOfAccount> {
  const lists = mailLists(lines);
  if (lists instanceof Fault) {
    const gaps = [{ what: "mail", why: lists.fact }];
    return { total: entry.messages, mail: { there: 0, imported: 0 }, mailboxes: { created: 0, updated: 0 }, gaps };
  }
  const { exported, emails } = lists;
  const journal = openJournal(journalFolder, server, target.id);
  try {
    const mailboxes = await importMailboxes(client, target.id, exported, isDry);
    const folders = new Map(exported.map((mailbox) => [text(mailbox["id"]), text(mailbox["folder"])]));
    const { wanted, gaps } = wantedMail(folder, emails, folders, mailboxes.ids);
    const order = { client, accountId: target.id, journal, isDry };
    const mail = await importMail(
      { ...order, onProgress: (done, total) => onProgress(entry.name, done, total) },
      wanted,
    );
    return { total: wanted.length, mail, mailboxes, gaps: [...mailboxes.gaps, ...gaps, ...mail.gaps] };
  } finally {
    journal.close();
  }
}

function mailLists(
  lines: (kind: Pick<Kind, "kind">) => readonly Fields[],
): { readonly exported: readonly Fields[]; readonly emails: readonly StoredEmail[] } | Fault {
  try {
    return { exported: lines(MAILBOXES), emails: lines({ kind: "emails" }).map(storedEmailOf) };
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
}

interface Pair {
  readonly entry: AccountEntry;
  readonly target: Account;
}

function pairs(
  { accounts }: Manifest,
  wanted: ReadonlyMap<string, string>,
  reachable: readonly Account[],
): readonly Pair[] {
  const names = wanted.size > 0 ? wanted : new Map(accounts.map(({ name }) => [name, name]));
  return [...names].map(([name, targetName]) => {
    const entry = accounts.find((account) => account.name === name);
    if (entry === undefined)
      throw new Fault(
        `The export has no account ${name}.`,
        "Nothing was imported.",
        `It has: ${accounts.map((account) => account.name).join(", ")}`,
      );
    const target = reachable.find((account) => account.name === targetName);
    if (target === undefined)
      throw new Fault(
        `The login reaches no account ${targetName} on the server.`,
        "Nothing was imported.",
        `It reaches: ${reachable.map((account) => account.name).join(", ")}. Choose with --account NAME=TARGET, or make the account first.`,
      );
    return { entry, target };
  });
}
