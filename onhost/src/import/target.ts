import { pipeline } from "node:stream/promises";
import { EMAIL, EMAIL_PROPERTIES, emailOf, type Email } from "../export/emails";
import type { Client } from "../jmap/client";
import { text } from "../jmap/json";
import { MAIL } from "../jmap/session";
import { changesSince, getObjects, listAll } from "../jmap/list";
import { nodeCrypto } from "../node-crypto";

/** What is in the account that is imported into. */
export interface Target {
  readonly has: (id: string, size: number) => boolean;
  /** Messages with these bytes that no message of the export stands for yet. Reads contents where it must. */
  readonly find: (wanted: {
    readonly sha256: string;
    readonly size: number;
    readonly receivedAt: string;
  }) => Promise<readonly Email[]>;
  /** From now on the message with this id is taken. */
  readonly claim: (id: string) => void;
  /** Of the server when it was looked at last, for `ifInState`. */
  readonly state: () => string;
  readonly moveTo: (state: string) => void;
  /** Learns what has changed since. */
  readonly refresh: () => Promise<void>;
}

/** Lists the account's e-mails. */
export async function openTarget(client: Client, accountId: string): Promise<Target> {
  const emails = new Map<string, Email>();
  const bySize = new Map<string, Set<string>>();
  const claimed = new Set<string>();
  const hashes = new Map<string, string>();
  /** For `changes`; and the one that the server compares with, which is another one in Stalwart's empty accounts. */
  let [since, state] = ["", ""];
  await listEverything();
  return {
    has: (id, size) => emails.get(id)?.size === size,
    find,
    claim: (id) => claimed.add(id),
    state: () => state,
    moveTo: (next) => ([since, state] = [next, next]),
    refresh,
  };

  async function listEverything(): Promise<void> {
    const listed = await listAll(client, accountId, EMAIL, EMAIL_PROPERTIES);
    for (const object of listed.list) add(emailOf(object));
    since = listed.state ?? "";
    state = since;
    // What came while the pages were read; the state must be one at which everything is known.
    if (since !== "") await catchUp();
  }

  async function refresh(): Promise<void> {
    if (!(await catchUp())) await listEverything();
  }

  /** False: the server does not say what has changed (RFC 8620 section 5.2, cannotCalculateChanges); the list stands. */
  async function catchUp(): Promise<boolean> {
    // Read first: what comes after it is at worst found by the next refresh.
    const current = text((await client.call([MAIL], ["Email/get", { accountId, ids: [] }]))["state"]);
    const changes = since === "" ? undefined : await changesSince(client, accountId, EMAIL, since);
    if (changes === undefined) return false;
    for (const id of changes.destroyed) emails.delete(id);
    for (const object of await getObjects(client, accountId, EMAIL, [...changes.changed], EMAIL_PROPERTIES))
      add(emailOf(object));
    since = changes.state;
    state = current;
    return true;
  }

  function add(email: Email): void {
    emails.set(email.id, email);
    const key = sizeAndSecond(email);
    const ids = bySize.get(key) ?? new Set();
    ids.add(email.id);
    bySize.set(key, ids);
  }

  async function find(wanted: {
    readonly sha256: string;
    readonly size: number;
    readonly receivedAt: string;
  }): Promise<readonly Email[]> {
    const found: Email[] = [];
    for (const id of bySize.get(sizeAndSecond(wanted)) ?? []) {
      const email = emails.get(id);
      if (email !== undefined && !claimed.has(id) && (await hashOfBlob(email)) === wanted.sha256) found.push(email);
    }
    return found;
  }

  async function hashOfBlob({ blobId }: Email): Promise<string> {
    const known = hashes.get(blobId);
    if (known !== undefined) return known;
    const digest = await client.download(accountId, blobId, "message/rfc822", async (body) => {
      const hash = nodeCrypto().createHash("sha256");
      await pipeline(body, hash);
      return hash.digest("hex");
    });
    hashes.set(blobId, digest);
    return digest;
  }
}

/** What both sides know without reading contents. Servers keep the time of receipt to the second. */
function sizeAndSecond({ size, receivedAt }: { readonly size: number; readonly receivedAt: string }): string {
  return `${size} ${text(receivedAt).slice(0, "2026-01-02T03:04:05".length)}`;
}
