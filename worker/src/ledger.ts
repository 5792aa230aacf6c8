import { CLAIM_MS, LEDGER_MS } from "./budgets";
import type { Clock } from "./clock";
import type { SpoolBucket } from "./env";
import { isObject } from "./http";

/** Markers of what was imported, so that nothing is imported twice. */
export interface Ledger {
  /** Asks to import. Never fails: a ledger that does not answer must not cost a message. */
  readonly claim: (key: string) => Promise<Claim>;
  /** The import is known not to have happened: the next attempt need not wait. Never fails. */
  readonly release: (key: string, claim: Claim) => Promise<void>;
  /** The import has happened. Says whether that is written down; never fails. */
  readonly complete: (key: string) => Promise<boolean>;
}

/**
 * `mine`: import. `delivered`: it was imported. `busy`: someone else is at it, or was when his life ended.
 * `unavailable`: nothing is known, so import; at worst the message is there twice, but it is there.
 */
export type Claim =
  | { readonly kind: "mine"; readonly etag: string }
  | { readonly kind: "delivered" }
  | { readonly kind: "busy" }
  | { readonly kind: "unavailable" };

/**
 * Two objects for a message, because R2 takes about one write per second of the same object. Who imports writes the claim;
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

  async function claim(key: string): Promise<Claim> {
    const [delivered, claimed] = await Promise.all([
      clock.within(LEDGER_MS, "ledger", bucket.head(DELIVERED(key))).catch(() => null),
      clock.within(LEDGER_MS, "ledger", tryClaim(CLAIM(key))).catch((): Claim => ({ kind: "unavailable" })),
    ]);
    return delivered === null ? claimed : { kind: "delivered" };
  }

  async function tryClaim(name: string): Promise<Claim> {
    const created = await bucket.put(name, claimUntil(clock.now() + CLAIM_MS), { onlyIf: { etagDoesNotMatch: "*" } });
    if (created !== null) return { kind: "mine", etag: created.etag };
    const present = await bucket.get(name);
    // Its lifetime in the bucket ended between the two.
    if (present === null) return { kind: "unavailable" };
    if (endOf(await present.text()) > clock.now()) return { kind: "busy" };
    const onlyIf = { etagMatches: present.etag };
    const taken = await bucket.put(name, claimUntil(clock.now() + CLAIM_MS), { onlyIf });
    return taken === null ? { kind: "busy" } : { kind: "mine", etag: taken.etag };
  }

  /** A claim that is over, and not a deletion: R2 cannot delete on condition that it is still the same claim. */
  async function release(key: string, held: Claim): Promise<void> {
    if (held.kind !== "mine") return;
    const put = bucket.put(CLAIM(key), claimUntil(0), { onlyIf: { etagMatches: held.etag } });
    await clock.within(LEDGER_MS, "ledger", put).catch(() => undefined);
  }

  async function complete(key: string): Promise<boolean> {
    const put = () => bucket.put(DELIVERED(key), JSON.stringify({ at: new Date(clock.now()).toISOString() }));
    return await clock.within(LEDGER_MS, "ledger", put().catch(put)).then(
      () => true,
      () => false,
    );
  }
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
