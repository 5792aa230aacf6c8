import { CLAIM_MS, LEDGER_MS } from "./budgets";
import type { Clock } from "./clock";
import type { SpoolBucket } from "./env";
import { isObject } from "./http";
import { createKnownIds, NO_KNOWN_IDS } from "./known-ids";
import type { KnownIds } from "./known-ids";

/** Markers of what was imported, so that nothing is imported twice. */
export interface Ledger {
  /**
   * Asks to import, under every key that the message may be known by. The delivery itself is recorded under the last key
   * only, and the claims under the others point to it. Never fails: a ledger that does not answer must not cost a message.
   */
  readonly claim: (keys: readonly string[], copy: Copy) => Promise<Claim>;
  /** The import is known not to have happened: the next attempt need not wait. Never fails. */
  readonly release: (claim: Claim) => Promise<void>;
  /** The import has happened. Says whether that is recorded for every key; never fails. */
  readonly complete: (keys: readonly string[], claim: Claim) => Promise<boolean>;
  readonly ids: KnownIds;
}

/** The copy of a message that an attempt carries. */
export interface Copy {
  /** The id in its `Received` field; undefined when an earlier version put the message into the spool. */
  readonly trace: string | undefined;
  /** When the edge received it, in milliseconds since the epoch: home dates it no earlier. */
  readonly since: number;
}

/** Copies of which one may have arrived: the attempts to import them never reported back. */
export interface EarlierCopy {
  /** The last one first. */
  readonly traces: readonly string[];
  /** The edge received none of the copies before this time, in milliseconds since the epoch. */
  readonly since: number;
  /** When the last attempt began that was not heard of again, in milliseconds since the epoch. */
  readonly tried: number;
}

/**
 * `mine`: import. `delivered`: it was imported. `busy`: someone else is at it, or was when his life ended.
 * `unavailable`: nothing is known, so import; at worst the message is there twice, but it is there.
 */
export type Claim =
  | { readonly kind: "mine"; readonly held: readonly Held[]; readonly earlier?: EarlierCopy | undefined }
  | { readonly kind: "delivered" }
  | { readonly kind: "busy" }
  | { readonly kind: "unavailable" };

/** A claim that was written. */
export interface Held {
  readonly key: string;
  /** The key under which the delivery is recorded. */
  readonly marker: string;
  readonly etag: string;
  /** From the claim that this one took over, which had expired without an answer. */
  readonly earlier?: EarlierCopy | undefined;
}

/**
 * Two objects for a message, because R2 takes about one write per second of the same object. The attempt to import writes
 * the claim and, on success, the other object before the claim expires. A key without a claim was never used for an import, so a
 * new message needs no lookup: one operation for each key, and one for the delivery.
 */
const CLAIM = (key: string) => `ledger/${key}.claim`;
const DELIVERED = (key: string) => `ledger/${key}.delivered`;

/** What a claim says. */
interface ClaimText {
  /** Milliseconds since the epoch; 0 when it was given back. */
  readonly until: number;
  /** The key under which the delivery is recorded. */
  readonly marker?: string | undefined;
  readonly traces?: readonly string[] | undefined;
  readonly since?: number | undefined;
  readonly tried?: number | undefined;
}

/** Copies that a claim names. More attempts in a row without an answer have not been seen. */
const MAX_TRACES = 3;

/** No ledger: every message is imported whenever it comes. */
export const NO_LEDGER: Ledger = {
  claim: () => Promise.resolve({ kind: "unavailable" }),
  release: () => Promise.resolve(),
  complete: () => Promise.resolve(false),
  ids: NO_KNOWN_IDS,
};

/** Something that has happened already and is only being recorded. */
export interface CompletingLater {
  readonly ledger: Ledger;
  /** Whether it was recorded. */
  readonly completed: () => Promise<boolean>;
}

/**
 * A ledger whose `complete` returns at once. The message is home by then, and its sender need not wait for the bucket: until
 * the marker is written, the claim keeps copies away, as it does during an import.
 */
export function completingLater(ledger: Ledger): CompletingLater {
  let written = Promise.resolve(false);
  return {
    ledger: {
      ...ledger,
      complete: (keys, claim) => {
        written = ledger.complete(keys, claim);
        return Promise.resolve(true);
      },
    },
    completed: () => written,
  };
}

export function createLedger(bucket: SpoolBucket, clock: Clock): Ledger {
  return { claim, release, complete, ids: createKnownIds(bucket, clock) };

  async function claim(keys: readonly string[], copy: Copy): Promise<Claim> {
    return await clock.within(LEDGER_MS, "ledger", claimAll(keys, copy)).catch(() => UNAVAILABLE);
  }

  /**
   * All at once, because each is a wait. The last key decides between attempts that share it: the attempt that
   * claims it imports, even if another was first under another key. The other claims stay; they point to the last key too.
   */
  async function claimAll(keys: readonly string[], copy: Copy): Promise<Claim> {
    const marker = keys.at(-1) ?? "";
    const tries = await Promise.all(keys.map((key) => tryClaim(key, marker, copy).catch((): Try => UNAVAILABLE)));
    const held = tries.flatMap((one) => (one.kind === "mine" ? [one.held] : []));
    if (tries.some(({ kind }) => kind === "delivered")) {
      await release({ kind: "mine", held });
      return { kind: "delivered" };
    }
    if (tries.at(-1)?.kind === "busy") return { kind: "busy" };
    if (tries.some((one) => one.kind === "busy" && one.marker !== marker)) {
      await release({ kind: "mine", held });
      return { kind: "busy" };
    }
    // Another address of the account may have left another copy under the account's key.
    const earlier = held.reduce<EarlierCopy | undefined>((all, one) => merged(all, one.earlier), undefined);
    if (held.length > 0) return { kind: "mine", held, earlier };
    return (await isDelivered(marker)) ? { kind: "delivered" } : UNAVAILABLE;
  }

  async function tryClaim(key: string, marker: string, { trace, since }: Copy): Promise<Try> {
    const name = CLAIM(key);
    const now = clock.now();
    const own = { until: now + CLAIM_MS, marker };
    const copy: EarlierCopy = { traces: trace === undefined ? [] : [trace], since, tried: now };
    const first = claimText({ ...own, ...copy });
    const created = await bucket.put(name, first, { onlyIf: { etagDoesNotMatch: "*" } });
    if (created !== null) return { kind: "mine", held: { key, marker, etag: created.etag } };
    const present = await bucket.get(name);
    // The bucket deleted the object between the two operations.
    if (present === null) return UNAVAILABLE;
    const found = readClaim(await present.text());
    const busy: Try = { kind: "busy", marker: found.marker ?? key };
    if (await isDelivered(busy.marker)) return { kind: "delivered" };
    // No claim lasts longer: a later end was written while a clock was wrong.
    if (found.until > now && found.until <= now + 2 * CLAIM_MS) return busy;
    const earlier = earlierOf(found);
    const text = claimText({ ...own, ...merged(copy, earlier) });
    const taken = await bucket.put(name, text, { onlyIf: { etagMatches: present.etag } });
    return taken === null ? busy : { kind: "mine", held: { key, marker, etag: taken.etag, earlier } };
  }

  async function isDelivered(key: string): Promise<boolean> {
    return await bucket.head(DELIVERED(key)).then(
      (marker) => marker !== null,
      () => false,
    );
  }

  /**
   * Writes an expired claim instead of deleting it: R2 cannot delete an object on condition that it is still the same claim. It
   * keeps what it took over from another copy, because the fate of that copy is still not known.
   */
  async function release(claim: Claim): Promise<void> {
    if (claim.kind !== "mine") return;
    const puts = claim.held.map(({ key, marker, etag, earlier }) => {
      const text = claimText(earlier === undefined ? { until: 0, marker } : { until: clock.now(), marker, ...earlier });
      return bucket.put(CLAIM(key), text, { onlyIf: { etagMatches: etag } });
    });
    await clock.within(LEDGER_MS, "ledger", Promise.all(puts)).catch(() => undefined);
  }

  async function complete(keys: readonly string[], claim: Claim): Promise<boolean> {
    const marker = keys.at(-1) ?? "";
    const held = claim.kind === "mine" ? claim.held.map(({ key }) => key) : [];
    const at = JSON.stringify({ at: new Date(clock.now()).toISOString() });
    const puts = [
      twice(() => bucket.put(DELIVERED(marker), at)),
      // Without a claim nobody would look for the marker.
      ...keys
        .filter((key) => !held.includes(key))
        .map((key) => twice(() => bucket.put(CLAIM(key), claimText({ until: 0, marker })))),
    ];
    return await clock.within(LEDGER_MS, "ledger", Promise.all(puts)).then(
      () => true,
      () => false,
    );
  }
}

const UNAVAILABLE = { kind: "unavailable" } as const;

/** What became of the claim under one key. */
type Try =
  | { readonly kind: "mine"; readonly held: Held }
  | { readonly kind: "busy"; readonly marker: string }
  | { readonly kind: "delivered" }
  | { readonly kind: "unavailable" };

async function twice<T>(operation: () => Promise<T>): Promise<T> {
  return await operation().catch(operation);
}

function claimText(claim: ClaimText): string {
  // Without the nonce a claim would have the etag of another one that ends at the same time.
  return JSON.stringify({ ...claim, nonce: crypto.randomUUID() });
}

/** What cannot be read is no claim: it is taken over, and at worst the message is there twice. */
function readClaim(text: string): ClaimText {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { until: 0 };
  }
  const { until, marker, traces, since, tried }: Partial<Record<keyof ClaimText, unknown>> = isObject(value)
    ? value
    : {};
  return {
    until: typeof until === "number" ? until : 0,
    marker: typeof marker === "string" ? marker : undefined,
    traces: Array.isArray(traces) ? traces.filter((one) => typeof one === "string") : undefined,
    since: typeof since === "number" ? since : undefined,
    tried: typeof tried === "number" ? tried : undefined,
  };
}

/** A claim that ended and was not given back: its import may have happened. */
function earlierOf({ until, traces = [], since, tried = since }: ClaimText): EarlierCopy | undefined {
  if (until === 0 || traces.length === 0 || since === undefined) return undefined;
  return { traces, since, tried: tried ?? since };
}

/** If this attempt also ends without an answer, either copy may have arrived. */
function merged(one: EarlierCopy | undefined, other: EarlierCopy | undefined): EarlierCopy | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  const traces = [...new Set([...one.traces, ...other.traces])].slice(0, MAX_TRACES);
  return { traces, since: Math.min(one.since, other.since), tried: Math.max(one.tried, other.tried) };
}
