import { BUCKET_MS } from "./budgets";
import type { Clock } from "./clock";
import type { SpoolBucket } from "./env";
import { pauseMs } from "./pauses";
import { BEGUN_PREFIX, listed, nameOf } from "./spool";

/**
 * Before a run begins a message it writes a mark, one object for each message under `begun/`: the platform may end the run there
 * (CPU time, memory), and otherwise nobody would know at which message. The mark is deleted when the turn ends, however it ends.
 * A mark that stays makes its message a suspect, and with it the message that was on its way at the same time. Suspects are
 * tried alone, and only runs that end while a message is alone are counted.
 */
export interface Begun {
  /** In milliseconds since the epoch. */
  readonly at: number;
  /** Runs that ended while the message was alone, before this one. */
  readonly kills: number;
  /** Nothing else had been begun in that run. */
  readonly isAlone: boolean;
  readonly etag: string;
}

/** Longer than any turn lasts, so that a slow run that is still at work does not look like one that the platform ended. */
const LONGEST_TURN_MS = 300_000;

/** After this many runs that a message has ended while alone it is given up; with the pauses that takes an hour. */
export const MAX_KILLS = 5;

/**
 * More marks are not read in one run; a message whose mark is not read counts as under way. A run leaves two of them at most, and
 * each is gone when its message has had a turn.
 */
const MAX_MARKS = 5_000;

/** Runs that the message is known to have ended, this mark's included. */
export function killsOf({ kills, isAlone }: Begun): number {
  return kills + (isAlone ? 1 : 0);
}

/** When the message may be tried again, alone; in milliseconds since the epoch. */
export function suspectAfter(mark: Begun): number {
  const kills = killsOf(mark);
  return mark.at + LONGEST_TURN_MS + (kills === 0 ? 0 : pauseMs(kills));
}

/**
 * Whether a suspect may begin now. However many such messages somebody sends, at most one run in this time can end early, and
 * the runs in between are free for other messages.
 */
export function maySuspectsBegin(marks: Iterable<Begun>, now: number): boolean {
  return [...marks].every(({ at, isAlone }) => !isAlone || now >= at + LONGEST_TURN_MS);
}

/** The name of each message that was begun and has not yet ended. */
export async function readBegun(bucket: SpoolBucket, clock: Clock): Promise<ReadonlyMap<string, Begun>> {
  const marks = new Map<string, Begun>();
  // With metadata R2 may end a page early.
  for await (const { key, etag, customMetadata } of listed(bucket, BEGUN_PREFIX, clock, {
    include: ["customMetadata"],
  })) {
    const { at = "", kills = "", alone = "" } = customMetadata ?? {};
    const [time, count] = [Date.parse(at), Number(kills)];
    // In the future: a clock was wrong, and nobody is at it.
    const isTime = time <= clock.now() + LONGEST_TURN_MS;
    const mark = { at: isTime ? time : 0, kills: count > 0 ? count : 0, isAlone: alone === "true", etag };
    marks.set(nameOf(key), mark);
    if (marks.size >= MAX_MARKS) break;
  }
  return marks;
}

/**
 * Writes the mark of a message. False when another run has begun the message meanwhile and so owns it. Throws when R2
 * does not take the mark.
 *
 * @param before the mark of a run that ended; undefined when there was none
 */
export async function begin(
  bucket: SpoolBucket,
  clock: Clock,
  name: string,
  before: Begun | undefined,
  isAlone: boolean,
): Promise<boolean> {
  const kills = before === undefined ? 0 : killsOf(before);
  const customMetadata = { at: new Date(clock.now()).toISOString(), kills: String(kills), alone: String(isAlone) };
  const onlyIf = before === undefined ? { etagDoesNotMatch: "*" } : { etagMatches: before.etag };
  // R2 computes the etag from the content: without the nonce two marks would have the same one.
  const put = bucket.put(`${BEGUN_PREFIX}${name}`, crypto.randomUUID(), { onlyIf, customMetadata });
  return (await clock.within(BUCKET_MS, "spool", put)) !== null;
}

/** Never fails: if the mark stays, the message becomes a suspect and has its next turn alone. */
export async function end(bucket: SpoolBucket, clock: Clock, name: string): Promise<void> {
  await clock.within(BUCKET_MS, "spool", bucket.delete(`${BEGUN_PREFIX}${name}`)).catch(() => undefined);
}
