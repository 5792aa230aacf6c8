import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import * as path from "node:path";
import { deserialize, serialize } from "node:v8";

import type { Account } from "./accounts";
import { hasKnownHeader } from "./message-head";

/** A message as it was imported, byte for byte. */
export interface StoredMessage {
  readonly id: string;
  readonly blobId: string;
  readonly mailboxId: string;
  readonly keywords: Readonly<Record<string, boolean>>;
  readonly receivedAt: string;
  readonly raw: Buffer;
}

export interface MailStore {
  /** Counts against the quota of that account; `unlimited` callers do not feel it. Undefined: used up. */
  readonly upload: (accountId: string, content: Buffer, unlimited: boolean) => string | undefined;
  readonly blob: (blobId: string) => Buffer | undefined;
  readonly messages: (account: Account) => readonly StoredMessage[];
  readonly add: (account: Account, message: Omit<StoredMessage, "id" | "blobId">) => StoredMessage | Refused;
  /** False: there is none with this id. */
  readonly remove: (account: Account, id: string) => boolean;
  /** What has come and gone, oldest first; its length is the state of the account's messages. */
  readonly log: (account: Account) => readonly Change[];
  /** What was taken by LMTP and no mailbox has yet, oldest first. */
  readonly queue: () => readonly QueuedMessage[];
  readonly enqueue: (message: Omit<QueuedMessage, "id" | "createdAt"> & { readonly createdAt?: string }) => void;
  /** Everything that a server finds again when it starts on its data. */
  readonly dump: () => Buffer;
}

export interface QueuedMessage {
  readonly id: string;
  readonly createdAt: string;
  readonly returnPath: string;
  readonly recipient: string;
}

export interface Change {
  readonly id: string;
  readonly what: "created" | "destroyed";
}

/** RFC 8621 §4.8: why a message is not imported. */
export interface Refused {
  readonly type: "invalidEmail" | "overQuota";
  readonly description: string;
}

/** A never used account has them all; every account has the same ids. */
export const MAILBOXES = [
  { id: "a", name: "Inbox", role: "inbox" },
  { id: "b", name: "Deleted Items", role: "trash" },
  { id: "c", name: "Junk Mail", role: "junk" },
  { id: "d", name: "Drafts", role: "drafts" },
  { id: "e", name: "Sent Items", role: "sent" },
] as const;

const INBOX = "a";
const UPLOAD_QUOTA_FILES = 1_000;
const UPLOAD_QUOTA_BYTES = 50_000_000;
const UPLOAD_WINDOW_MS = 3_600_000;
const FILE_NUMBER_DIGITS = 4;

interface Dump {
  readonly blobs: Map<string, Buffer>;
  readonly mail: Map<string, StoredMessage[]>;
  readonly logs: Map<string, Change[]>;
  readonly imported: number;
  readonly queue: QueuedMessage[];
}

/**
 * Keeps blobs and messages in memory; `mailFolder` additionally receives every message of an Inbox as a file.
 *
 * @param dumped what a store before this one held
 */
export function createMailStore(mailFolder: string | undefined, dumped?: Buffer): MailStore {
  const before = dumped === undefined ? undefined : (deserialize(dumped) as Dump);
  const blobs = before?.blobs ?? new Map<string, Buffer>();
  const uploads = new Map<string, { at: number; size: number }[]>();
  const mail = before?.mail ?? new Map<string, StoredMessage[]>();
  const logs = before?.logs ?? new Map<string, Change[]>();
  const queue = before?.queue ?? [];
  let imported = before?.imported ?? 0;

  return {
    upload,
    blob: (blobId) => blobs.get(blobId),
    messages,
    add,
    remove,
    log: (account) => logs.get(account.id) ?? [],
    queue: () => queue,
    enqueue: (message) => {
      queue.push({ createdAt: new Date().toISOString(), ...message, id: `q${queue.length + 1}` });
    },
    dump: () => serialize({ blobs, mail, logs, imported, queue } satisfies Dump),
  };

  function remove(account: Account, id: string): boolean {
    const present = messages(account);
    mail.set(
      account.id,
      present.filter((message) => message.id !== id),
    );
    const isGone = messages(account).length < present.length;
    if (isGone) note(account, { id, what: "destroyed" });
    return isGone;
  }

  function note(account: Account, change: Change): void {
    logs.set(account.id, [...(logs.get(account.id) ?? []), change]);
  }

  function upload(accountId: string, content: Buffer, unlimited: boolean): string | undefined {
    const now = Date.now();
    const recent = (uploads.get(accountId) ?? []).filter(({ at }) => now - at < UPLOAD_WINDOW_MS);
    const size = recent.reduce((sum, entry) => sum + entry.size, content.length);
    if (!unlimited && (recent.length >= UPLOAD_QUOTA_FILES || size > UPLOAD_QUOTA_BYTES)) return undefined;
    uploads.set(accountId, [...recent, { at: now, size: content.length }]);
    // The same bytes have the same temporary id.
    const blobId = `e${sha256(content)}`;
    blobs.set(blobId, content);
    return blobId;
  }

  function messages(account: Account): readonly StoredMessage[] {
    return mail.get(account.id) ?? [];
  }

  function add(account: Account, message: Omit<StoredMessage, "id" | "blobId">): StoredMessage | Refused {
    if (!hasKnownHeader(message.raw))
      return { type: "invalidEmail", description: "Blob does not contain a valid RFC 5322 message." };
    const present = messages(account);
    const used = present.reduce((sum, { raw }) => sum + raw.length, message.raw.length);
    if (used > account.quotaBytes) return { type: "overQuota", description: "You have exceeded your disk quota." };
    const stored = { ...message, id: `eaaaaa${(imported++).toString(36)}`, blobId: `c${sha256(message.raw)}` };
    blobs.set(stored.blobId, stored.raw);
    mail.set(account.id, [...present, stored]);
    note(account, { id: stored.id, what: "created" });
    if (mailFolder !== undefined && stored.mailboxId === INBOX)
      writeMessage(mailFolder, account, stored, present.length);
    return stored;
  }
}

function writeMessage(mailFolder: string, account: Account, { raw }: StoredMessage, index: number): void {
  const folder = path.join(mailFolder, account.address, "Inbox");
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, `${String(index + 1).padStart(FILE_NUMBER_DIGITS, "0")}.eml`), raw);
}

function sha256(content: Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}
