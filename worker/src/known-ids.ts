import { CLAIM_MS, LEDGER_MS } from "./budgets";
import type { Clock } from "./clock";
import type { SpoolBucket } from "./env";
import { isObject } from "./http";

/**
 * How to deliver a message with a Message-ID to a mail server whose own delivery drops every later message with the same id.
 * `direct`: by that delivery. `import`: straight into the mailbox. `wait`: the first message is still on its way, and an import
 * that overtook it would make the server drop it.
 */
export type Way = "direct" | "import" | "wait";

/** Which message was the first with a Message-ID, for each account. */
export interface KnownIds {
  /**
   * Notes the message. Never fails: when the bucket does not answer the way is `direct`, and when it answers only that the
   * id is known, `wait`.
   *
   * @param owner whose mail it is @param content of the message's fingerprint
   */
  readonly wayOf: (id: string, owner: string, content: string) => Promise<Way>;
}

/** Nothing is known. */
export const NO_KNOWN_IDS: KnownIds = { wayOf: () => Promise.resolve("direct") };

/** How often an object in use is written again, because the bucket deletes objects some time after they were written. */
const REFRESH_MS = 24 * 3_600_000;

/** What is known of an id. */
interface Known {
  /** Of the first message. */
  readonly content: string;
  /** When its last attempt began, or the object was written last, in milliseconds since the epoch. */
  readonly at: number;
  /** There is another message with this id, so all of them are imported. */
  readonly isShared: boolean;
}

export function createKnownIds(bucket: SpoolBucket, clock: Clock): KnownIds {
  return {
    wayOf: (id, owner, content) => {
      const progress = { isKnown: false };
      const asking = clock.within(LEDGER_MS, "ids", wayOf(id, owner, content, progress));
      // Whose id it is could not be read: by the direct way another message than the first would be dropped.
      return asking.catch((): Way => (progress.isKnown ? "wait" : "direct"));
    },
  };

  /** A new id, which nearly every one is, costs one operation. */
  async function wayOf(id: string, owner: string, content: string, progress: { isKnown: boolean }): Promise<Way> {
    const name = `ids/${await sha256(JSON.stringify([owner, id]))}`;
    const now = clock.now();
    const write = (known: Known, onlyIf: { etagMatches: string } | { etagDoesNotMatch: string }) =>
      bucket.put(name, JSON.stringify(known), { onlyIf });
    const isNew = await write({ content, at: now, isShared: false }, { etagDoesNotMatch: "*" });
    if (isNew !== null) return "direct";
    progress.isKnown = true;
    const present = await bucket.get(name);
    // The bucket deleted the object between the two operations.
    if (present === null) return "direct";
    const known = readKnown(await present.text());
    const onlyIf = { etagMatches: present.etag };
    if (known === undefined)
      return (await write({ content, at: now, isShared: false }, onlyIf)) === null ? "wait" : "direct";
    const isFirst = known.content === content;
    if (isFirst && !known.isShared) return (await write({ ...known, at: now }, onlyIf)) === null ? "wait" : "direct";
    const isOnItsWay = !isFirst && Math.abs(now - known.at) < CLAIM_MS;
    // Should it not be written, the first one would go on by a way on which it is dropped.
    if (!known.isShared && (await write({ ...known, isShared: true }, onlyIf)) === null) return "wait";
    if (known.isShared && now - known.at > REFRESH_MS)
      await write({ ...known, at: now - CLAIM_MS }, onlyIf).catch(() => null);
    return isOnItsWay ? "wait" : "import";
  }
}

function readKnown(text: string): Known | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isObject(value)) return undefined;
  const { content, at, isShared } = value;
  if (typeof content !== "string" || typeof at !== "number" || typeof isShared !== "boolean") return undefined;
  return { content, at, isShared };
}

async function sha256(text: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
