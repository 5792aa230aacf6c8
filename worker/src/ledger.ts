import { CLAIM_MS, LEDGER_MS } from "./budgets";
import type { Clock } from "./clock";
import type { SpoolBucket } from "./env";
import { isObject } from "./http";

/** Markers of what was imported, so that nothing is imported twice. */
export interface Ledger {
  /**
   * Asks to import, under every key that the message may be known by: always in the same order, or two attempts could each
   * hold what the other one wants. Never fails: a ledger that does not answer must not cost a message.
   */
  readonly claim: (keys: readonly string[]) => Promise<Claim>;
  /** The import is known not to have happened: the next attempt need not wait. Never fails. */
  readonly release: (claim: Claim) => Promise<void>;
  /** The import has happened. Says whether that is written down under every key; never fails. */
  readonly complete: (keys: readonly string[]) => Promise<boolean>;
}

/**
 * `mine`: import. `delivered`: it was imported. `busy`: someone else is at it, or was when his life ended.
 * `unavailable`: nothing is known, so import; at worst the message is there twice, but it is there.
 */
export type Claim =
  | { readonly kind: "mine"; readonly held: readonly Held[] }
  | { readonly kind: "delivered" }
  | { readonly kind: "busy" }
  | { readonly kind: "unavailable" };

/** A claim that was written. */
export interface Held {
  readonly key: string;
  readonly etag: string;
}

/**
 * Two objects for each key of a message, because R2 takes about one write per second of the same object. Who imports writes the claim;
 * who has imported writes the other one, within the claim's life.
 */
const CLAIM = (key: string) => `ledger/${key}.claim`;
const DELIVERED = (key: string) => `ledger/${key}.delivered`;

/** No ledger: every message is imported whenever it comes. */
export const NO_LEDGER: Ledger = {
  claim: () => Promise.resolve({ kind: "unavailable" }),
  release: () => Promise.resolve(),
  complete: () => Promise.resolve(false),
};

export function createLedger(bucket: SpoolBucket, clock: Clock): Ledger {
  return { claim, release, complete };

  async function claim(keys: readonly string[]): Promise<Claim> {
    const [delivered, claimed] = await Promise.all([
      Promise.all(keys.map((key) => clock.within(LEDGER_MS, "ledger", bucket.head(DELIVERED(key))).catch(() => null))),
      clock.within(LEDGER_MS, "ledger", claimAll(keys)).catch((): Claim => ({ kind: "unavailable" })),
    ]);
    if (delivered.every((marker) => marker === null)) return claimed;
    return { kind: "delivered" };
  }

  /** One after the other: who has the first key gets the others, unless their holder has them by another first one. */
  async function claimAll(keys: readonly string[]): Promise<Claim> {
    const held: Held[] = [];
    for (const key of keys) {
      const claimed = await tryClaim(key).catch((): Claim => ({ kind: "unavailable" }));
      if (claimed.kind === "mine") held.push(...claimed.held);
      else if (claimed.kind === "busy") {
        await release({ kind: "mine", held });
        return claimed;
      }
    }
    return held.length === 0 ? { kind: "unavailable" } : { kind: "mine", held };
  }

  async function tryClaim(key: string): Promise<Claim> {
    const name = CLAIM(key);
    const created = await bucket.put(name, claimUntil(clock.now() + CLAIM_MS), { onlyIf: { etagDoesNotMatch: "*" } });
    if (created !== null) return mine(key, created.etag);
    const present = await bucket.get(name);
    // Its lifetime in the bucket ended between the two.
    if (present === null) return { kind: "unavailable" };
    if (endOf(await present.text()) > clock.now()) return { kind: "busy" };
    const onlyIf = { etagMatches: present.etag };
    const taken = await bucket.put(name, claimUntil(clock.now() + CLAIM_MS), { onlyIf });
    return taken === null ? { kind: "busy" } : mine(key, taken.etag);
  }

  /** A claim that is over, and not a deletion: R2 cannot delete on condition that it is still the same claim. */
  async function release(claim: Claim): Promise<void> {
    if (claim.kind !== "mine") return;
    const puts = claim.held.map(({ key, etag }) =>
      bucket.put(CLAIM(key), claimUntil(0), { onlyIf: { etagMatches: etag } }),
    );
    await clock.within(LEDGER_MS, "ledger", Promise.all(puts)).catch(() => undefined);
  }

  async function complete(keys: readonly string[]): Promise<boolean> {
    const marker = JSON.stringify({ at: new Date(clock.now()).toISOString() });
    const puts = keys.map((key) => {
      const put = () => bucket.put(DELIVERED(key), marker);
      return put().catch(put);
    });
    return await clock.within(LEDGER_MS, "ledger", Promise.all(puts)).then(
      () => true,
      () => false,
    );
  }
}

function mine(key: string, etag: string): Claim {
  return { kind: "mine", held: [{ key, etag }] };
}

/** @param until milliseconds since the epoch */
function claimUntil(until: number): string {
  // Without the nonce a claim would have the etag of another one that ends at the same time.
  return JSON.stringify({ until, nonce: crypto.randomUUID() });
}

/** What cannot be read is no claim: it is taken over, and at worst the message is there twice. */
function endOf(text: string): number {
  try {
    const value: unknown = JSON.parse(text);
    const until = isObject(value) ? value["until"] : undefined;
    return typeof until === "number" ? until : 0;
  } catch {
    return 0;
  }
}
