import { existsSync } from "node:fs";
import { Fault } from "../fault";
import type { Client } from "../jmap/client";
import { compare, stableJson, text, type Fields } from "../jmap/json";
import { listAll } from "../jmap/list";
import { MAIL } from "../jmap/session";
import { lazily } from "../lazily";
import type { Account } from "./accounts";
import { agrees, countInMailboxes, EMAIL, fullListing, updatedListing, type Listing, type StoredEmail } from "./emails";
import { makeFolder, prune } from "./files";
import { mailboxFolders } from "./folders";
import { SEEN_OF_MAILBOXES, type Sight } from "./glance";
import { isUnfinished } from "./incoming";
import { inside } from "./inside";
import { MAILBOXES } from "./kinds";
import { readLines, writeLines } from "./lines";
import { exportMail, readStored, unchangedMail, type MailOrder } from "./mail";
import type { AccountEntry } from "./manifest";
import { exportObjects } from "./objects";

/** All e-mails are listed anew after this, in case a server's changes were not complete. */
const LISTING_DAYS = 7;
const DAY_MS = 86_400_000;
/** An account that loses nine of ten e-mails between two exports, and had this many, is looked at by a person first. */
const LOSS_FROM = 20;
const LOSS_FACTOR = 10;

export interface Order extends Omit<MailOrder, "accountId" | "folder"> {
  readonly account: Account;
  /** The export's folder. */
  readonly root: string;
  /** `accounts/…`. */
  readonly place: string;
  /** Of this account and what `previous` says; undefined when nobody looked. */
  readonly sight: Sight | undefined;
  readonly acceptsLoss: boolean;
  /** Believes no state. */
  readonly listsAll: boolean;
  readonly now: Date;
}

export interface Exported {
  /** The last one itself when nothing has changed. */
  readonly entry: AccountEntry;
  readonly downloaded: number;
  /** Removes what the entry does not name any more. Only after the entry is on disk. */
  readonly cleanUp: () => void;
}

/**
 * Brings the folder of one account up to date beside what the last entry names, which stays whole. The new state counts
 * from when the caller has written the entry into the manifest. Throws `Trouble`, `Fault` or `TimeIsOver`.
 */
export async function exportAccount(order: Order): Promise<Exported> {
  const { client, account, previous, now } = order;
  const folder = inside(order.root).place(order.place);
  makeFolder(folder);
  if (previous !== undefined && order.sight?.mail === "unchanged" && isQuiet(order, folder))
    return await withSameMail(order, folder, previous);
  const last = lazily(() => readStored(folder, previous));
  const { mailboxes, mailboxState, listing } = await listMail(order, last);
  refuseLoss(order, listing.emails?.size);
  const others = await exportObjects(
    client,
    account.id,
    folder,
    listing.isFull ? undefined : previous,
    order.sight?.others,
  );

  const folders = mailboxFolders(mailboxes);
  const mailboxLines = mailboxes.map((mailbox) => mailboxLine(mailbox, folders.get(text(mailbox["id"]))));
  const mailboxFile = writeLines(folder, MAILBOXES.kind, mailboxLines);
  const isSame =
    previous !== undefined &&
    listing.emails === undefined &&
    previous.files[MAILBOXES.kind]?.sha256 === mailboxFile.sha256 &&
    order.damaged.size === 0 &&
    !isUnfinished(folder);
  const mail = isSame
    ? unchangedMail(previous)
    : await exportMail({ ...order, accountId: account.id, folder }, listing.emails ?? last(), folders, last());
  const files = { ...others.files, [MAILBOXES.kind]: mailboxFile, ...mail.files };
  const entry: AccountEntry = {
    folder: order.place,
    id: account.id,
    name: account.name,
    exportedAt: now.toISOString(),
    listedAt: listing.isFull || previous === undefined ? now.toISOString() : previous.listedAt,
    states: {
      ...others.states,
      [MAILBOXES.type]: mailboxState,
      // Without the whole mail the state would hide what is missing.
      ...(mail.gaps.length > 0 ? {} : { [EMAIL.type]: listing.state }),
    },
    messages: mail.messages,
    bytes: mail.bytes,
    inMailboxes: mail.inMailboxes,
    witnesses: mail.witnesses,
    files,
    gaps: [...mail.gaps, ...others.gaps],
  };
  return { entry, downloaded: mail.downloaded, cleanUp };

  function cleanUp(): void {
    if (mail.paths === undefined) return pruneLists(folder, entry, others.scripts);
    const wanted = new Set<string>([...Object.values(files).map(({ file }) => file), ...others.scripts]);
    for (const name of [...mail.paths, ...[...folders.values()].map((name) => `mail/${name}`)]) wanted.add(name);
    prune(folder, (name) => wanted.has(name) || name.startsWith("incoming/"));
    mail.incoming?.remove();
  }
}

/** Nothing is left of a broken run, nothing is damaged, and the states of last time may be believed. */
function isQuiet(order: Order, folder: string): boolean {
  const { previous, damaged, sight } = order;
  return (
    previous !== undefined &&
    believes(order) &&
    damaged.size === 0 &&
    !isUnfinished(folder) &&
    Object.values(previous.files).every(({ file }) => existsSync(inside(folder).partPlace("metadata", file))) &&
    hasSameMailboxes(folder, previous, sight?.mailboxes ?? [])
  );
}

function hasSameMailboxes(folder: string, { files }: AccountEntry, seen: readonly Fields[]): boolean {
  const { mailboxes } = files;
  const known = mailboxes === undefined ? [] : readLines(folder, mailboxes);
  const shown = (list: readonly Fields[]) =>
    stableJson(inOrder(list).map((mailbox) => SEEN_OF_MAILBOXES.map((name) => mailbox[name] ?? null)));
  return shown(known) === shown(seen);
}

/** Nothing of the mail is asked for, read or written. */
async function withSameMail(order: Order, folder: string, previous: AccountEntry): Promise<Exported> {
  const { client, account, sight, now } = order;
  const others = await exportObjects(client, account.id, folder, previous, sight?.others);
  const mail = unchangedMail(previous);
  const { emails, mailboxes } = previous.files;
  const fresh: AccountEntry = {
    ...previous,
    states: { ...previous.states, ...others.states },
    files: {
      ...others.files,
      ...(mailboxes === undefined ? {} : { mailboxes }),
      ...(emails === undefined ? {} : { emails }),
    },
    gaps: others.gaps,
  };
  const entry = stableJson(fresh) === stableJson(previous) ? previous : { ...fresh, exportedAt: now.toISOString() };
  return { entry, downloaded: mail.downloaded, cleanUp: () => pruneLists(folder, entry, others.scripts) };
}

/** Removes the lists and scripts that an entry does not name. */
function pruneLists(folder: string, entry: AccountEntry, scripts: readonly string[]): void {
  const wanted = new Set<string>([...Object.values(entry.files).map(({ file }) => file), ...scripts]);
  for (const part of ["metadata", "scripts"])
    if (existsSync(inside(folder).place(part))) prune(folder, (name) => wanted.has(name), part);
}

/** Whether the states of the last export may be gone on from. */
function believes({ account, previous, now, listsAll, sight }: Order): boolean {
  const isDue = !(now.getTime() - Date.parse(previous?.listedAt ?? "") < LISTING_DAYS * DAY_MS);
  return previous?.id === account.id && !isDue && !listsAll && sight?.mail !== "another time";
}

interface ListedMail {
  readonly mailboxes: readonly Fields[];
  readonly mailboxState: string;
  readonly listing: Listing;
}

async function listMail(order: Order, last: () => ReadonlyMap<string, StoredEmail>): Promise<ListedMail> {
  const { client, account, previous } = order;
  const known = believes(order) ? previous : undefined;
  const state = known?.states[EMAIL.type];
  const knownCounts = known?.inMailboxes ?? {};
  // Twice, because a message may come between the two requests.
  for (let attempt = 0; attempt < 2 && state !== undefined; attempt += 1) {
    const listing = await updatedListing(client, account.id, state, last);
    const { mailboxes, mailboxState } = await listMailboxes(client, account.id);
    if (listing === undefined) break;
    const { emails } = listing;
    const counts = emails === undefined ? knownCounts : countInMailboxes(emails.values());
    if (agrees(counts, mailboxes)) return { mailboxes, mailboxState, listing };
  }
  return await listAllMail(client, account.id);
}

async function listAllMail(client: Client, accountId: string): Promise<ListedMail> {
  const listing = await fullListing(client, accountId);
  return { ...(await listMailboxes(client, accountId)), listing };
}

async function listMailboxes(client: Client, accountId: string): Promise<Omit<ListedMail, "listing">> {
  const { list, state } = await listAll(client, accountId, { type: MAILBOXES.type, using: MAIL });
  return { mailboxes: inOrder(list), mailboxState: state ?? "" };
}

function inOrder(list: readonly Fields[]): readonly Fields[] {
  return [...list].sort((one, other) => compare(text(one["id"]), text(other["id"])));
}

const COUNTS = new Set(["totalEmails", "unreadEmails", "totalThreads", "unreadThreads", "myRights"]);

/** Without what changes with every message, and with the folder in the export. */
function mailboxLine(mailbox: Fields, folder = ""): Fields {
  const kept = Object.entries(mailbox).filter(([name]) => !COUNTS.has(name));
  return { ...Object.fromEntries(kept), folder: `mail/${folder}` };
}

function refuseLoss({ account, previous, acceptsLoss }: Order, remaining: number | undefined): void {
  if (remaining === undefined || acceptsLoss || previous === undefined || previous.messages < LOSS_FROM) return;
  if (remaining * LOSS_FACTOR >= previous.messages) return;
  throw new Fault(
    `${account.name} had ${previous.messages} messages at the last export, and the server now has ${remaining}.`,
    "The export of this account was left as it is, because it may be the only copy.",
    "Import it (onhost import --dry-run), or if they were deleted on purpose run: onhost export --accept-loss",
  );
}
