import { existsSync } from "node:fs";
import * as path from "node:path";
import { Fault } from "../fault";
import type { Client } from "../jmap/client";
import { compare, objects, strings, text, type Fields } from "../jmap/json";
import { listAll } from "../jmap/list";
import { MAIL } from "../jmap/session";
import { Trouble } from "../jmap/trouble";
import type { Account } from "./accounts";
import {
  agrees,
  contentKey,
  countInMailboxes,
  EMAIL,
  EMAIL_PROPERTIES,
  emailOf,
  fullListing,
  updatedListing,
  type Listing,
  type StoredEmail,
} from "./emails";
import { makeFolder, prune } from "./files";
import { mailboxFolders } from "./folders";
import { isUnfinished } from "./incoming";
import { MAILBOXES } from "./kinds";
import { writeLines } from "./lines";
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
  readonly acceptsLoss: boolean;
  /** Believes no state. */
  readonly listsAll: boolean;
  readonly now: Date;
}

export interface Exported {
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
  const folder = path.join(order.root, order.place);
  makeFolder(folder);
  const last = lazily(() => readStored(folder, previous));
  const { mailboxes, listing } = await listMail(order, last);
  refuseLoss(order, listing.emails?.size);
  const others = await exportObjects(client, account.id, folder, listing.isFull ? undefined : previous);

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
    // Without the whole mail the state would hide what is missing.
    states: mail.gaps.length > 0 ? others.states : { ...others.states, [EMAIL.type]: listing.state },
    messages: mail.messages,
    bytes: mail.bytes,
    inMailboxes: mail.inMailboxes,
    witnesses: mail.witnesses,
    files,
    gaps: [...mail.gaps, ...others.gaps],
  };
  return { entry, downloaded: mail.downloaded, cleanUp };

  function cleanUp(): void {
    const wanted = new Set<string>([...Object.values(files).map(({ file }) => file), ...others.scripts]);
    if (mail.paths === undefined) {
      for (const part of ["metadata", "scripts"])
        if (existsSync(path.join(folder, part))) prune(folder, (name) => wanted.has(name), part);
      return;
    }
    for (const name of [...mail.paths, ...[...folders.values()].map((name) => `mail/${name}`)]) wanted.add(name);
    prune(folder, (name) => wanted.has(name) || name.startsWith("incoming/"));
    mail.incoming?.remove();
  }
}

async function listMail(
  { client, account, previous, now, listsAll }: Order,
  last: () => ReadonlyMap<string, StoredEmail>,
): Promise<{ readonly mailboxes: readonly Fields[]; readonly listing: Listing }> {
  const isDue = !(now.getTime() - Date.parse(previous?.listedAt ?? "") < LISTING_DAYS * DAY_MS);
  const known = previous?.id === account.id && !isDue && !listsAll ? previous : undefined;
  const state = known?.states[EMAIL.type];
  const knownCounts = known?.inMailboxes ?? {};
  if (state !== undefined) {
    const unchanged = await unchangedMailboxes(client, account.id, state, known?.witnesses ?? {});
    if (unchanged === "another time") return await listAllMail(client, account.id);
    if (unchanged !== undefined && agrees(knownCounts, unchanged.mailboxes))
      return { mailboxes: unchanged.mailboxes, listing: { ...unchanged, emails: undefined, isFull: false } };
  }
  // Twice, because a message may come between the two requests.
  for (let attempt = 0; attempt < 2 && state !== undefined; attempt += 1) {
    const listing = await updatedListing(client, account.id, state, last);
    const mailboxes = await listMailboxes(client, account.id);
    if (listing === undefined) break;
    const { emails } = listing;
    const counts = emails === undefined ? knownCounts : countInMailboxes(emails.values());
    if (agrees(counts, mailboxes)) return { mailboxes, listing };
  }
  return await listAllMail(client, account.id);
}

async function listAllMail(
  client: Client,
  accountId: string,
): Promise<{ readonly mailboxes: readonly Fields[]; readonly listing: Listing }> {
  const listing = await fullListing(client, accountId);
  return { mailboxes: await listMailboxes(client, accountId), listing };
}

/**
 * The mailboxes, in one request that says that no e-mail has changed; undefined when one has, or it needs more requests.
 * `another time`: ids stand for other messages than they did.
 */
async function unchangedMailboxes(
  client: Client,
  accountId: string,
  state: string,
  known: AccountEntry["witnesses"],
): Promise<{ readonly mailboxes: readonly Fields[]; readonly state: string } | "another time" | undefined> {
  const limit = client.session.maxObjectsInGet;
  const ids = Object.keys(known).slice(0, limit);
  const [changes, query, get, emails] = await client.calls(
    [MAIL],
    [
      ["Email/changes", { accountId, sinceState: state, maxChanges: 1 }],
      ["Mailbox/query", { accountId, limit }],
      ["Mailbox/get", { accountId, "#ids": { resultOf: "1", name: "Mailbox/query", path: "/ids" } }],
      ["Email/get", { accountId, ids, properties: EMAIL_PROPERTIES }],
    ],
  );
  for (const email of emails instanceof Trouble ? [] : objects(emails?.["list"]).map(emailOf))
    if (contentKey(email) !== known[email.id]) return "another time";
  for (const result of [changes, query, get]) if (result === undefined || result instanceof Trouble) return undefined;
  const [told, listed, got] = [changes, query, get] as readonly Fields[];
  const changed = ["created", "updated", "destroyed"].flatMap((name) => strings(told?.[name]));
  const mailboxes = objects(got?.["list"]);
  const isAll = strings(listed?.["ids"]).length === mailboxes.length && mailboxes.length < limit;
  if (changed.length > 0 || told?.["hasMoreChanges"] === true || !isAll) return undefined;
  return { mailboxes: inOrder(mailboxes), state: text(told?.["newState"], state) };
}

async function listMailboxes(client: Client, accountId: string): Promise<readonly Fields[]> {
  const { list } = await listAll(client, accountId, { type: MAILBOXES.type, using: MAIL });
  return inOrder(list);
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

function lazily<T>(make: () => T): () => T {
  let value: { readonly made: T } | undefined;
  return () => (value ??= { made: make() }).made;
}
