import { createBacklog } from "./backlog";
import type { Backlog } from "./backlog";
import { end, killsOf, maySuspectsBegin, readBegun, suspectAfter } from "./begun";
import { BUCKET_MS, MAX_LISTINGS, MOST_DUE } from "./budgets";
import type { Clock } from "./clock";
import type { SpoolBucket, SpoolObject } from "./env";
import { createPauses } from "./pauses";
import type { Pauses } from "./pauses";
import { listed, nameOf, SPOOL_PREFIX } from "./spool";
import type { Due } from "./turn";
import type { Usage } from "./usage";

/** The oldest messages, which every run looks at: one page of R2. */
const MAX_OLDEST = 1_000;
/** How many more, when most of those are pausing. A run starts where the previous one stopped, so each has its turn. */
const MAX_FURTHER = 4_000;
/** When the work is done, a run goes on counting up to this number. */
const MAX_COUNTED = 10_000;
/** How many marks without a message are deleted at a time. */
const MAX_LITTER = 10;
/** Where the run before stopped. */
const POSITION_KEY = "state/position";

/** What a run knows about the spool before it begins any message. */
export interface Queue {
  /** Messages during which a run was ended; first those that ended the fewest runs, then the oldest. */
  readonly suspects: Due[];
  /** Messages that may be tried now and are not under way, the oldest first. */
  readonly due: Due[];
  readonly backlog: Backlog;
  /** Counts what was not looked at. Never fails. */
  readonly countOn: () => Promise<void>;
}

function killsOfDue({ before }: Due): number {
  return before === undefined ? 0 : killsOf(before);
}

/** Looks only at as much of the spool as a run can afford. Throws when R2 does not answer. */
export async function lookAt(bucket: SpoolBucket, clock: Clock, usage: Usage): Promise<Queue> {
  const suspects: Due[] = [];
  const due: Due[] = [];
  const backlog = createBacklog();
  const begun = await readBegun(bucket, clock);
  const litter = new Set(begun.keys());
  const mayList = () => usage.operations() < MAX_LISTINGS;
  let objects = listed(bucket, SPOOL_PREFIX, clock);
  let pauses = createPauses(bucket, clock, mayList);
  let seen = 0;
  let last = "";
  let isWhole = true;

  let isOver = await take(() => seen < MAX_OLDEST && mayList(), sort);
  await clearLitter();
  if (!isOver && due.length < MOST_DUE) {
    const position = await readPosition();
    if (position > last) {
      isWhole = false;
      objects = listed(bucket, SPOOL_PREFIX, clock, { startAfter: position });
      pauses = createPauses(bucket, clock, mayList);
    }
    isOver = await take(() => due.length < MOST_DUE && seen < MAX_OLDEST + MAX_FURTHER && mayList(), sort);
    await writePosition(position, isOver ? "" : last);
  }
  if (!isOver || !isWhole) backlog.isExcerpt(true);
  // A message that was under way with the one that ended the run is most likely innocent.
  suspects.sort((one, other) => killsOfDue(one) - killsOfDue(other));
  if (!maySuspectsBegin(begun.values(), clock.now())) suspects.length = 0;
  return { suspects, due, backlog, countOn };

  /** True when nothing is left. */
  async function take(mayGoOn: () => boolean, hand: (object: SpoolObject, pauses: Pauses) => Promise<void>) {
    while (mayGoOn()) {
      const next = await objects.next();
      if (next.done === true) return true;
      seen++;
      last = next.value.key;
      await hand(next.value, pauses);
    }
    return false;
  }

  async function sort(object: SpoolObject, pauses: Pauses): Promise<void> {
    const name = nameOf(object.key);
    litter.delete(name);
    const pause = await pauses.of(name);
    const before = begun.get(name);
    const queue = before === undefined ? due : suspects;
    const after = Math.max(pause ?? 0, before === undefined ? 0 : suspectAfter(before));
    const isDue = after <= clock.now() && queue.length < MOST_DUE;
    if (isDue) queue.push({ object, size: object.size, hasPaused: pause !== undefined, before });
    backlog.add(object, isDue);
  }

  async function countOn(): Promise<void> {
    if (!isWhole || isOver) return;
    try {
      isOver = await take(
        () => seen < MAX_COUNTED,
        (object) => Promise.resolve(backlog.add(object, false)),
      );
      backlog.isExcerpt(!isOver);
    } catch {
      // The count so far is still true, as an excerpt.
    }
  }

  /** Of messages that have left the spool. */
  async function clearLitter(): Promise<void> {
    const passed = [...litter].filter((name) => {
      const mark = begun.get(name);
      return (isOver || `${SPOOL_PREFIX}${name}` < last) && mark !== undefined && suspectAfter(mark) <= clock.now();
    });
    for (const name of passed.slice(0, MAX_LITTER)) await end(bucket, clock, name);
  }

  async function readPosition(): Promise<string> {
    const stored = await clock.within(BUCKET_MS, "spool", bucket.get(POSITION_KEY));
    return stored === null ? "" : await clock.within(BUCKET_MS, "spool", stored.text());
  }

  async function writePosition(before: string, after: string): Promise<void> {
    if (before === after) return;
    // Without it the next run starts again after the oldest messages.
    await clock.within(BUCKET_MS, "spool", bucket.put(POSITION_KEY, after)).catch(() => undefined);
  }
}
