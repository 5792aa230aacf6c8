import type { Client } from "../jmap/client";
import { compare, members, text, type Fields } from "../jmap/json";
import { changesSince, getObjects, listAll, type ObjectType } from "../jmap/list";
import { MAIL } from "../jmap/session";

export const EMAIL: ObjectType = { type: "Email", using: MAIL };

/** What the export keeps of an Email object (RFC 8621 section 4.1.1); the rest is in the message itself. */
export interface Email {
  readonly id: string;
  readonly blobId: string;
  /** Ids, in order. */
  readonly mailboxes: readonly string[];
  readonly keywords: readonly string[];
  readonly receivedAt: string;
  /** Bytes. */
  readonly size: number;
}

export interface StoredEmail extends Email {
  readonly sha256: string;
}

export const EMAIL_PROPERTIES = ["id", "blobId", "mailboxIds", "keywords", "receivedAt", "size"] as const;

/** Of an Email object or of a line of the export. */
export function emailOf(fields: Fields): Email {
  const { size } = fields;
  return {
    id: text(fields["id"]),
    blobId: text(fields["blobId"]),
    mailboxes: members(fields["mailboxIds"]),
    keywords: members(fields["keywords"]),
    receivedAt: text(fields["receivedAt"]),
    size: typeof size === "number" ? size : 0,
  };
}

export function storedEmailOf(line: Fields): StoredEmail {
  return { ...emailOf(line), sha256: text(line["sha256"]) };
}

/** The names are those of the Email object, so that whoever knows JMAP can read the file. */
export function lineOf({ id, blobId, mailboxes, keywords, receivedAt, size, sha256 }: StoredEmail): Fields {
  const set = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, true]));
  return { id, blobId, mailboxIds: set(mailboxes), keywords: set(keywords), receivedAt, size, sha256 };
}

/**
 * Messages do not change (RFC 8621 section 4.1), so two Email objects with this in common have the same bytes, whatever
 * became of ids meanwhile: a server that was set up again may give an old id to another message.
 */
export function contentKey({ blobId, size, receivedAt }: Email): string {
  return `${blobId} ${size} ${receivedAt}`;
}

export interface Listing {
  /** By id; undefined when nothing has changed since the last one. */
  readonly emails: ReadonlyMap<string, Email> | undefined;
  readonly state: string;
  readonly isFull: boolean;
}

/** What is on the server, from what was there at `state` if the server can tell what has changed; undefined if not. */
export async function updatedListing(
  client: Client,
  accountId: string,
  state: string,
  before: () => ReadonlyMap<string, Email>,
): Promise<Listing | undefined> {
  const changes = await changesSince(client, accountId, EMAIL, state);
  if (changes === undefined) return undefined;
  const { changed, destroyed } = changes;
  if (changed.size === 0 && destroyed.size === 0) return { emails: undefined, state: changes.state, isFull: false };
  const emails = new Map(before());
  for (const id of destroyed) emails.delete(id);
  // What is not found any more was destroyed after the changes were listed.
  for (const id of changed) emails.delete(id);
  for (const object of await getObjects(client, accountId, EMAIL, [...changed], EMAIL_PROPERTIES))
    emails.set(text(object["id"]), emailOf(object));
  return { emails, state: changes.state, isFull: false };
}

/** Every e-mail of the account. */
export async function fullListing(client: Client, accountId: string): Promise<Listing> {
  const { list, state = "" } = await listAll(client, accountId, EMAIL, EMAIL_PROPERTIES);
  const emails = new Map(list.map((object) => [text(object["id"]), emailOf(object)]));
  // What changed while the pages were read.
  const since = state === "" ? undefined : await updatedListing(client, accountId, state, () => emails);
  return { emails: since?.emails ?? emails, state: since?.state ?? state, isFull: true };
}

/** The newest are what a restored server has lost. More would make the answer of a run without changes longer. */
export const MAX_WITNESSES = 8;

/**
 * Of the e-mails that are new since the last export, the latest by receipt; without new ones those of last time that are
 * still there. A server that was restored gives the ids of what it lost to other messages, and counts its states anew.
 */
export function witnesses(
  emails: readonly Email[],
  isNew: (email: Email) => boolean,
  last: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const fresh = emails.filter(isNew);
  const chosen = fresh.length > 0 ? fresh : emails.filter(({ id }) => Object.hasOwn(last, id));
  const latest = [...chosen].sort((one, other) => compare(other.receivedAt, one.receivedAt)).slice(0, MAX_WITNESSES);
  return Object.fromEntries(latest.map((email) => [email.id, contentKey(email)]));
}

/** E-mails in each mailbox, by its id. */
export function countInMailboxes(emails: Iterable<Email>): Readonly<Record<string, number>> {
  const counts = new Map<string, number>();
  for (const { mailboxes } of emails) for (const id of mailboxes) counts.set(id, (counts.get(id) ?? 0) + 1);
  return Object.fromEntries([...counts].sort(([one], [other]) => compare(one, other)));
}

/**
 * Whether the mailboxes say the same numbers. They do not when the state was one of another time of the server (it was
 * restored from a backup): then neither Stalwart nor Cyrus notices, and changes are told wrongly.
 */
export function agrees(counts: Readonly<Record<string, number>>, mailboxes: readonly Fields[]): boolean {
  const known = new Set(mailboxes.map((mailbox) => text(mailbox["id"])));
  return (
    Object.keys(counts).every((id) => known.has(id)) &&
    mailboxes.every((mailbox) => (counts[text(mailbox["id"])] ?? 0) === mailbox["totalEmails"])
  );
}
