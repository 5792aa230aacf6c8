import { existsSync, mkdirSync } from "node:fs";
import * as path from "node:path";
import type { Client } from "../jmap/client";
import { forEach } from "../jmap/each";
import { isNotFound } from "../jmap/http";
import { compare, text } from "../jmap/json";
import { getObjects } from "../jmap/list";
import { Trouble } from "../jmap/trouble";
import { batches, contents } from "./batches";
import {
  contentKey,
  countInMailboxes,
  EMAIL,
  lineOf,
  storedEmailOf,
  witnesses,
  type Email,
  type StoredEmail,
} from "./emails";
import { FOLDER_MODE, link, makeFolder, syncFolder } from "./files";
import { messageFile } from "./folders";
import { openIncoming, type Incoming } from "./incoming";
import { inside, NotInside, type Inside } from "./inside";
import { MAILBOXES } from "./kinds";
import { readLines, writeLines } from "./lines";
import type { AccountEntry, Gap } from "./manifest";

/** Why a run ends before its end: what it has is kept for the next one. */
export class TimeIsOver extends Error {}

/** Hashes whose files are damaged or missing and must be fetched again. */
export type DamagedHashes = Pick<ReadonlySet<string>, "has" | "size">;

export interface MailOrder {
  readonly client: Client;
  readonly accountId: string;
  /** Of the account, absolute. */
  readonly folder: string;
  readonly previous: AccountEntry | undefined;
  readonly damaged: DamagedHashes;
  /** Fires when the run's time is over. */
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, total: number) => void;
}

/** What an account's entry says of its mail. */
export interface Mail {
  readonly files: AccountEntry["files"];
  readonly messages: number;
  readonly bytes: number;
  readonly inMailboxes: AccountEntry["inMailboxes"];
  readonly witnesses: AccountEntry["witnesses"];
  readonly gaps: readonly Gap[];
  readonly downloaded: number;
  /** Of the messages, relative to the account's folder; undefined when none has changed. */
  readonly paths?: ReadonlySet<string>;
  readonly incoming?: Incoming;
}

/** `unchanged`: the mail as the entry has it. */

export function unchangedMail({ files, messages, bytes, inMailboxes, witnesses: last }: AccountEntry): Mail {
  const { emails } = files;
  return {
    files: emails === undefined ? {} : { emails },
    messages,
    bytes,
    inMailboxes,
    witnesses: last,
    gaps: [],
    downloaded: 0,
  };
}

/**
 * Brings the messages of the listing into the folders of their mailboxes (by mailbox id), beside those of the last
 * export. Nothing is removed. Throws `Trouble` when the server fails, `TimeIsOver`.
 */
export async function exportMail(
  order: MailOrder,
  emails: ReadonlyMap<string, Email>,
  folders: ReadonlyMap<string, string>,
  last: ReadonlyMap<string, StoredEmail>,
): Promise<Mail> {
  const { folder } = order;
  const incoming = await openIncoming(folder);
  const oldFolders = readFolders(folder, order.previous);
  const inFolder = inside(folder);
  const known = new Map(incoming.found);
  const places = new Map<string, string>();
  for (const sha256 of incoming.found.values()) places.set(sha256, incoming.file(sha256));
  for (const email of last.values()) {
    if (order.damaged.has(email.sha256)) continue;
    const [name] = pathsOf(email, oldFolders);
    const place = name === undefined ? undefined : placeIn(inFolder, name);
    if (place === undefined) continue;
    known.set(contentKey(email), email.sha256);
    if (!places.has(email.sha256)) places.set(email.sha256, place);
  }
  const gaps = await fetchUnknown(order, emails, known, incoming, places);
  // Before a message gets its name: what has one is whole.
  incoming.settle();

  const stored: StoredEmail[] = [];
  for (const email of emails.values()) {
    const sha256 = known.get(contentKey(email));
    if (sha256 !== undefined) stored.push({ ...email, sha256 });
  }
  stored.sort((one, other) => compare(one.id, other.id));
  const paths = linkAll(folder, stored, folders, places, order.damaged);
  return {
    files: { emails: writeLines(folder, "emails", stored.map(lineOf)) },
    messages: stored.length,
    bytes: stored.reduce((sum, { size }) => sum + size, 0),
    inMailboxes: countInMailboxes(stored),
    witnesses: witnesses(stored, ({ id }) => !last.has(id), order.previous?.witnesses ?? {}),
    gaps,
    downloaded: incoming.taken(),
    paths,
    incoming,
  };
}

/** Downloads what is in no file yet, each content once, into `known` and `places`. What cannot be had is a gap. */
async function fetchUnknown(
  { client, accountId, signal, onProgress }: MailOrder,
  emails: ReadonlyMap<string, Email>,
  known: Map<string, string>,
  incoming: Incoming,
  places: Map<string, string>,
): Promise<readonly Gap[]> {
  const wanted = new Map<string, Email>();
  for (const email of emails.values()) if (!known.has(contentKey(email))) wanted.set(contentKey(email), email);
  const gaps: Gap[] = [];
  let done = 0;
  await forEach(batches(client, wanted.values()), client.connections, async (batch) => {
    if (signal.aborted) throw new TimeIsOver();
    const together = await contents(client, accountId, batch);
    for (const email of batch) {
      await fetchOne(email, together.get(email.blobId));
      onProgress((done += 1), wanted.size);
    }
  });
  return gaps;

  async function fetchOne(email: Email, content: Buffer | undefined): Promise<void> {
    const key = contentKey(email);
    const take = (body: AsyncIterable<Buffer> | Iterable<Buffer>) => incoming.take(key, email.size, body);
    try {
      const sha256 = await (content === undefined
        ? client.download(accountId, email.blobId, "message/rfc822", take)
        : take([content]));
      known.set(key, sha256);
      places.set(sha256, incoming.file(sha256));
    } catch (error) {
      if (!(error instanceof Trouble) || isOutage(error)) throw error;
      // Destroyed since it was listed: the next run hears of it.
      const isGone = isNotFound(error) && (await getObjects(client, accountId, EMAIL, [email.id], ["id"])).length === 0;
      if (!isGone) gaps.push({ what: email.id, why: error.fact });
    }
  }
}

/** The server, and not this one message: no use in trying thousands of others. */
function isOutage({ kind, details }: Trouble): boolean {
  return (kind === "passing" && details.status === undefined) || details.status === 401 || details.status === 403;
}

/** Undefined when it is not there or the last export could not have written it; the message is then fetched again. */
function placeIn(folder: Inside, name: string): string | undefined {
  try {
    const place = folder.partPlace("mail", name);
    return existsSync(place) ? place : undefined;
  } catch (error) {
    if (error instanceof NotInside) return undefined;
    throw error;
  }
}

/** Gives every message its names in the mailboxes' folders; returns them. What is there stays untouched. */
function linkAll(
  folder: string,
  stored: readonly StoredEmail[],
  folders: ReadonlyMap<string, string>,
  places: ReadonlyMap<string, string>,
  damaged: DamagedHashes,
): ReadonlySet<string> {
  const paths = new Set<string>();
  const changed = new Set<string>();
  const inFolder = inside(folder);
  for (const name of folders.values()) makeFolder(inFolder.partPlace("mail", `mail/${name}`));
  for (const email of stored)
    for (const name of pathsOf(email, folders)) {
      paths.add(name);
      const target = inFolder.partPlace("mail", name);
      const from = places.get(email.sha256) ?? "";
      if (from === target) continue;
      mkdirSync(path.dirname(target), { recursive: true, mode: FOLDER_MODE });
      if (link(from, target, damaged.has(email.sha256))) changed.add(path.dirname(target));
    }
  for (const name of changed) syncFolder(name);
  syncFolder(folder);
  return paths;
}

function pathsOf(email: StoredEmail, folders: ReadonlyMap<string, string>): readonly string[] {
  const file = messageFile(email.receivedAt, email.sha256);
  return email.mailboxes.map((id) => `mail/${folders.get(id) ?? "unknown"}/${file}`);
}

/** The e-mails of the last export by id. */
export function readStored(folder: string, previous: AccountEntry | undefined): ReadonlyMap<string, StoredEmail> {
  const file = previous?.files["emails"];
  if (file === undefined) return new Map();
  return new Map(readLines(folder, file).map((line) => [text(line["id"]), storedEmailOf(line)]));
}

function readFolders(folder: string, previous: AccountEntry | undefined): ReadonlyMap<string, string> {
  const file = previous?.files[MAILBOXES.kind];
  if (file === undefined) return new Map();
  return new Map(
    readLines(folder, file)
      .filter((line) => text(line["folder"]).startsWith("mail/"))
      .map((line) => [text(line["id"]), text(line["folder"]).slice("mail/".length)]),
  );
}
