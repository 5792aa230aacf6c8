import { setTimeout as sleep } from "node:timers/promises";
import { messageFile } from "../export/folders";
import type { StoredEmail } from "../export/emails";
import { inside, NotInside } from "../export/inside";
import type { Gap } from "../export/manifest";
import { Fault } from "../fault";
import type { Client } from "../jmap/client";
import { chunks, forEach } from "../jmap/each";
import { isFields, text, type Fields } from "../jmap/json";
import { MAIL, PRINCIPALS } from "../jmap/session";
import { isType, Trouble } from "../jmap/trouble";
import { journalKey, type Journal } from "./journal";
import { missing, partners } from "./match";
import { part, refusal, update } from "./set";
import { openTarget } from "./target";
import { differenceOf } from "./whole";

/** Messages of one Email/import; a request that breaks off is at most so many to look for. */
const BATCH = 50;
/** How long a server may still work on a request whose connection broke, before its e-mails are looked at. */
const SETTLE_MS = 2_000;
const FILES_AT_ONCE = 4;
/** Rounds for one batch: others change the account meanwhile, blobs get lost. */
const MAX_ROUNDS = 20;

/** A message of the export that should be there; `mailboxes` are ids on the server. */
export interface Wanted extends Pick<StoredEmail, "sha256" | "size" | "receivedAt" | "keywords"> {
  /** Of the journal. */
  readonly id: string;
  readonly mailboxes: readonly string[];
  /** Absolute. */
  readonly file: string;
}

export interface MailOutcome {
  readonly there: number;
  readonly imported: number;
  readonly gaps: readonly Gap[];
}

export interface MailImport {
  readonly client: Client;
  readonly accountId: string;
  readonly journal: Journal;
  readonly isDry: boolean;
  readonly onProgress: (done: number, total: number) => void;
}

/**
 * The messages of an account, with the mailboxes they go to. The same content in the same mailboxes is one message, with
 * the keywords of all. A message is a gap when none of its mailboxes could be made or when its name leads elsewhere.
 */
export function wantedMail(
  accountFolder: string,
  emails: readonly StoredEmail[],
  folders: ReadonlyMap<string, string>,
  ids: ReadonlyMap<string, string>,
): { readonly wanted: readonly Wanted[]; readonly gaps: readonly Gap[] } {
  const wanted = new Map<string, Wanted>();
  const gaps: Gap[] = [];
  const places = inside(accountFolder);
  for (const { sha256, size, receivedAt, keywords, mailboxes: exported } of emails) {
    const name = `${folders.get(exported[0] ?? "") ?? "mail/unknown"}/${messageFile(receivedAt, sha256)}`;
    const mailboxes = [...new Set(exported.flatMap((id) => ids.get(id) ?? []))].sort();
    if (mailboxes.length === 0) {
      gaps.push({ what: name, why: "none of its mailboxes could be made" });
      continue;
    }
    const id = journalKey(sha256, mailboxes);
    const all = [...new Set([...keywords, ...(wanted.get(id)?.keywords ?? [])])].sort();
    try {
      const file = places.partPlace("mail", name);
      wanted.set(id, { id, sha256, size, receivedAt, keywords: all, mailboxes, file });
    } catch (error) {
      if (!(error instanceof NotInside)) throw error;
      gaps.push({ what: "message", why: error.fact });
    }
  }
  return { wanted: [...wanted.values()], gaps };
}

/** Imports what is not there. Throws `Trouble` when the server fails, and a `Fault` when the account is full. */
export async function importMail(order: MailImport, wanted: readonly Wanted[]): Promise<MailOutcome> {
  const { client, accountId, journal, isDry, onProgress } = order;
  const target = await openTarget(client, accountId);
  const gaps: Gap[] = [];
  let [there, imported, usesState] = [0, 0, true];

  const open: Wanted[] = [];
  for (const message of wanted) {
    const id = journal.done.get(message.id);
    // Where a person has moved it since, it stays.
    if (id === undefined || !target.has(id, message.size)) open.push(message);
    else {
      target.claim(id);
      there += 1;
    }
  }
  const absent = await whole(await withoutFound(open));
  if (isDry) return { there, imported: absent.length, gaps };
  const batches = [...chunks(absent, BATCH)];
  // While one batch is imported the next one is uploaded.
  let upload = uploaded(batches[0] ?? []);
  for (const [index, batch] of batches.entries()) {
    const blobs = await upload;
    const next = uploaded(batches[index + 1] ?? []);
    next.catch(() => undefined);
    upload = next;
    await importBatch(batch, blobs);
    onProgress(there + imported + gaps.length, wanted.length);
  }
  return { there, imported, gaps };

  /** The messages that are as the export's list says. The rest are gaps, and none of them leaves this machine. */
  async function whole(messages: readonly Wanted[]): Promise<readonly Wanted[]> {
    const bad = new Set<Wanted>();
    await forEach(messages, FILES_AT_ONCE, async (message) => {
      const why = await differenceOf(message.file, message.sha256, message.size);
      if (why === undefined) return;
      bad.add(message);
      gaps.push({ what: message.file, why });
    });
    return messages.filter((message) => !bad.has(message));
  }

  /** Looks for contents on the server, adopts what is there, and returns what is not. */
  async function withoutFound(messages: readonly Wanted[]): Promise<readonly Wanted[]> {
    const bySha = new Map<string, Wanted[]>();
    for (const message of messages) bySha.set(message.sha256, [...(bySha.get(message.sha256) ?? []), message]);
    const rest: Wanted[] = [];
    await forEach(bySha.values(), client.connections, async (same) => {
      const [first] = same;
      const have = first === undefined ? [] : await target.find(first);
      const found = have.length === 0 ? undefined : partners(same, have);
      for (const message of same) {
        const partner = found?.get(message.id);
        if (partner === undefined) rest.push(message);
        else {
          target.claim(partner.id);
          there += 1;
          if (!isDry) await adopt(message, partner.id, partner);
        }
      }
    });
    return rest;
  }

  /** Adds what is missing of mailboxes and keywords. Without `have` nobody knows what is there. */
  async function adopt(
    message: Wanted,
    id: string,
    have: { readonly mailboxes: readonly string[]; readonly keywords: readonly string[] } = noneKnown,
  ): Promise<void> {
    const patch = Object.fromEntries([
      ...missing(message.mailboxes, have.mailboxes).map((name) => [`mailboxIds/${pointer(name)}`, true] as const),
      ...missing(message.keywords, have.keywords).map((name) => [`keywords/${pointer(name)}`, true] as const),
    ]);
    const refused =
      Object.keys(patch).length === 0 ? undefined : await update(client, MAIL, accountId, "Email", id, patch);
    if (refused === undefined) journal.add(message.id, id);
    else gaps.push({ what: message.file, why: `there, but its mailboxes or flags were not set: ${refused}` });
  }

  /** Blobs by message; a message that the server does not take is a gap. */
  async function uploaded(messages: readonly Wanted[]): Promise<Map<string, string>> {
    const { session } = client;
    // Stalwart counts uploads against the quota of the account in the URL, and takes the blob in another one's import.
    const owner = session.capabilities.includes(PRINCIPALS) ? (session.ownAccountId ?? accountId) : accountId;
    const blobs = new Map<string, string>();
    const limit = Math.min(client.connections, session.maxConcurrentUpload);
    await forEach(messages, limit, async ({ id, file, size }) => {
      try {
        blobs.set(id, await client.upload(owner, file, size, "message/rfc822"));
      } catch (error) {
        if (!(error instanceof Trouble) || error.details.status !== 413) throw error;
        gaps.push({ what: file, why: "the server does not accept an upload of this size" });
      }
    });
    return blobs;
  }

  async function importBatch(batch: readonly Wanted[], blobs: Map<string, string>): Promise<void> {
    let open = batch.filter(({ id }) => blobs.has(id));
    for (let round = 0; open.length > 0; round += 1) {
      if (round >= MAX_ROUNDS) throw new Trouble("Email/import: the account does not come to rest", "passing");
      try {
        open = await importOnce(open, blobs);
        for (const [id, blob] of await uploaded(open)) blobs.set(id, blob);
      } catch (error) {
        if (isType(error, "invalidArguments") && usesState) usesState = false;
        else if (isType(error, "stateMismatch")) {
          await target.refresh();
          open = [...(await withoutFound(open))];
        } else if (error instanceof Trouble && error.kind === "passing" && round < 3) {
          // It may have happened or may still happen.
          await sleep(SETTLE_MS);
          await target.refresh();
          open = [...(await withoutFound(open))];
        } else throw error;
      }
    }
  }

  /** One Email/import; returns what needs another upload. */
  async function importOnce(batch: readonly Wanted[], blobs: ReadonlyMap<string, string>): Promise<Wanted[]> {
    const emails = Object.fromEntries(
      batch.map(({ id, mailboxes, keywords, receivedAt }) => [
        `m${id}`,
        { blobId: blobs.get(id), mailboxIds: set(mailboxes), keywords: set(keywords), receivedAt },
      ]),
    );
    // A request of a run that was killed, and that the server still had before it, then cannot double what this one makes.
    const condition = usesState && target.state() !== "" ? { ifInState: target.state() } : {};
    const answer = await client.call([MAIL], ["Email/import", { accountId, ...condition, emails }], {
      isRepeatable: false,
    });
    if (typeof answer["newState"] === "string") target.moveTo(answer["newState"]);
    const [created, failed] = [part(answer, "created"), part(answer, "notCreated")];
    const lost: Wanted[] = [];
    for (const message of batch) {
      const email = created[`m${message.id}`];
      if (isFields(email)) {
        journal.add(message.id, text(email["id"]));
        imported += 1;
        continue;
      }
      const { refused, existingId } = refusal(failed[`m${message.id}`]);
      if (refused === "alreadyExists" && existingId !== undefined) {
        await adopt(message, existingId);
        there += 1;
      } else if (refused === "blobNotFound") lost.push(message);
      else if (refused === "overQuota") throw full(imported, wanted.length);
      else gaps.push({ what: message.file, why: `not imported: ${refused}` });
    }
    return lost;
  }
}

const noneKnown = { mailboxes: [], keywords: [] } as const;

function full(imported: number, total: number): Fault {
  return new Fault(
    `The account is full: ${imported} of ${total} messages were imported.`,
    "What is imported stays, the rest is not there.",
    "Raise the account's quota and run the same command again; it goes on from here.",
  );
}

/** RFC 6901 section 3, in the paths of a PatchObject. */
function pointer(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}

function set(names: readonly string[]): Fields {
  return Object.fromEntries(names.map((name) => [name, true]));
}
