import { candidates } from "./address";
import type { Outcome } from "./attempt";
import { begin, killsOf, MAX_KILLS } from "./begun";
import type { Begun } from "./begun";
import { BUCKET_MS } from "./budgets";
import { carry } from "./carry";
import type { AnyHome } from "./carry";
import type { Clock } from "./clock";
import type { Recipients } from "./deliver";
import type { SpoolBucket, SpoolObject } from "./env";
import { envelopeInFront } from "./envelope";
import type { Ledger } from "./ledger";
import { fingerprint, MAX_MESSAGE_BYTES } from "./message";
import { writePause } from "./pauses";
import { DEAD_PREFIX, deadMetadata, fromMetadata, nameOf, retryKey } from "./spool";
import type { SpoolEntry } from "./spool";
import { asTransient } from "./transient";

/** Home for one message of the drain. */
export type DrainHome = AnyHome & {
  /** Whether home answers at all, whatever it says about a message. */
  readonly answers: () => Promise<boolean>;
};

/** What a spooled message meets when it has its turn. */
export interface TurnSurroundings {
  readonly bucket: SpoolBucket;
  readonly ledger: Ledger;
  readonly clock: Clock;
  /** Called for each message, whose time budget starts then. */
  readonly home: () => DrainHome;
}

/**
 * How a message ended its turn. `gone`: somebody else took it out of the spool. `busy`: another attempt has the message.
 * `under way`: another run has begun it, and the mark is that run's. `home`, `spool`, `limit`: no message's turn could have
 * succeeded, because of home, the bucket or the platform.
 */
export type Turn =
  "delivered" | "duplicate" | "dead" | "gone" | "busy" | "under way" | "failed" | "home" | "spool" | "limit";

/** A spooled message and what happened to it before. */
export interface Due {
  readonly object: SpoolObject;
  readonly size: number;
  readonly hasPaused: boolean;
  /** The mark of a run that ended before its time. */
  readonly before: Begun | undefined;
  /** This run has written its mark. */
  readonly isBegun?: boolean;
}

/** Larger than any message with the fields in front of it, in bytes; only a person can have put such an object there. */
const MAX_SPOOLED_BYTES = MAX_MESSAGE_BYTES + 64 * 1024;
const TOO_LARGE = "552 5.3.4 The message is larger than 25 MiB.";
const KILLS_RUNS = `The platform ended ${MAX_KILLS} runs while they carried this message and nothing else (CPU time or memory).`;

/**
 * Tries to bring one spooled message home. It leaves the spool only when it is in the mailbox or under `dead/`. Its mark
 * is written first, and the caller deletes it. Never throws.
 *
 * @param isAlone nothing else was begun in this run
 */
export async function takeTurn(
  due: Due,
  recipients: Recipients,
  surroundings: TurnSurroundings,
  isAlone: boolean,
): Promise<Turn> {
  const { bucket, clock } = surroundings;
  try {
    const name = nameOf(due.object.key);
    if (due.isBegun !== true && !(await begin(bucket, clock, name, due.before, isAlone))) return "under way";
    return await tryTurn(due, recipients, surroundings);
  } catch (error) {
    return await stepBack(due, error, surroundings);
  }
}

/** Throws when R2 fails, and the message is still in the spool then. */
async function tryTurn(due: Due, recipients: Recipients, surroundings: TurnSurroundings): Promise<Turn> {
  const { bucket, clock } = surroundings;
  const { key } = due.object;
  const stored = await clock.within(BUCKET_MS, "spool", bucket.get(key));
  if (stored === null) return "gone";
  const mayRead = due.before === undefined || killsOf(due.before) < MAX_KILLS;
  if (!mayRead || stored.size > MAX_SPOOLED_BYTES)
    // Copied within the bucket, because reading it could end this run as well.
    return await setAside(due, stored, stored.body, mayRead ? TOO_LARGE : KILLS_RUNS, surroundings);
  const bytes = new Uint8Array(await clock.within(BUCKET_MS, "spool", stored.arrayBuffer()));
  const entry = fromMetadata(stored) ?? envelopeInFront(bytes, nameOf(key));
  if (entry === undefined) return await setAside(due, stored, bytes, "the object has no envelope", surroundings);

  const outcome = await carryEntry(bytes, entry, recipients, surroundings);
  switch (outcome.kind) {
    case "delivered":
    case "duplicate":
      await remove(due, surroundings);
      return outcome.kind;
    case "refused":
      return await setAside(due, stored, bytes, outcome.reason, surroundings);
    case "busy":
      return "busy";
    case "failed": {
      const { trouble, message } = outcome.error;
      if (trouble === "limit") return "limit";
      // Only a failure that home survives is the message's own: it then steps back, and others have their turn.
      // Asked with a time budget of its own, because a large message over a slow line may have used up this one.
      if (trouble !== "message" && !(await surroundings.home().answers())) return "home";
      await writePause(bucket, clock, nameOf(key), message);
      return "failed";
    }
  }
}

/** One object that cannot be read must not hold up the others; a bucket that takes nothing ends the run. */
async function stepBack({ object }: Due, error: unknown, { bucket, clock }: TurnSurroundings): Promise<Turn> {
  return await writePause(bucket, clock, nameOf(object.key), asTransient(error).message).then(
    () => "failed",
    () => "spool",
  );
}

async function carryEntry(
  bytes: Uint8Array,
  { from, to, receivedAt, start }: SpoolEntry,
  { mailDomain, catchAll }: Recipients,
  { home, ledger, clock }: TurnSurroundings,
): Promise<Outcome> {
  const addresses = candidates(to, mailDomain, catchAll);
  if (addresses === undefined)
    return { kind: "refused", reason: "550 5.1.2 This server does not receive mail for that domain." };
  const message = { bytes, start };
  const print = await fingerprint(message);
  const hasCatchAll = catchAll !== undefined;
  const timed = () => undefined;
  return await carry(home(), { message, print, from, addresses, hasCatchAll, receivedAt, ledger, clock, timed });
}

/** The copy first: whatever fails after it leaves one copy too many, and never none. */
async function setAside(
  due: Due,
  { key, customMetadata = {} }: SpoolObject,
  bytes: Uint8Array | ReadableStream<Uint8Array>,
  reason: string,
  surroundings: TurnSurroundings,
): Promise<Turn> {
  const { bucket, clock } = surroundings;
  const put = bucket.put(`${DEAD_PREFIX}${nameOf(key)}`, bytes, {
    customMetadata: deadMetadata(customMetadata, reason, clock.now()),
    httpMetadata: { contentType: "message/rfc822" },
  });
  if ((await clock.within(BUCKET_MS, "spool", put)) === null) return "spool";
  await remove(due, surroundings);
  return "dead";
}

/** The sidecar last: without its message it is only litter. */
async function remove({ object: { key }, hasPaused }: Due, { bucket, clock }: TurnSurroundings): Promise<void> {
  await clock.within(BUCKET_MS, "spool", bucket.delete(key));
  if (!hasPaused) return;
  await clock.within(BUCKET_MS, "spool", bucket.delete(retryKey(nameOf(key)))).catch(() => undefined);
}
