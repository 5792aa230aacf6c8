import type { BacklogTotal } from "./backlog";
import { end } from "./begun";
import { DRAIN_LANES, DRAIN_LANES_BYTES, DRAIN_MS, MESSAGE_USAGE, MOST_USAGE } from "./budgets";
import type { Recipients } from "./deliver";
import { inLanes } from "./lanes";
import type { Lanes } from "./lanes";
import { lookAt } from "./queue";
import { nameOf } from "./spool";
import { takeTurn } from "./turn";
import type { Due, Turn, TurnSurroundings } from "./turn";
import type { Usage } from "./usage";

/** What one run found and did. The totals are of the messages that are in the spool at the end of the run. */
export interface DrainReport extends BacklogTotal {
  readonly delivered: number;
  /** Copies of messages that were in the mailbox already. */
  readonly duplicates: number;
  /** Set aside for good. */
  readonly dead: number;
  readonly failed: number;
  /** Messages during which an earlier run was ended, and which had another turn. */
  readonly suspects: number;
  /** Why the run ended although messages had not had their turn. */
  readonly stopped: Stop | undefined;
}

/** `limit`: the platform allows an invocation no more requests. */
export type Stop = "home" | "spool" | "limit" | "time";

/** The outside world of one run. */
export interface DrainSurroundings extends TurnSurroundings {
  readonly usage: Usage;
  /** Gets the counts once, before the run begins any message at which the platform might end it. Never throws. */
  readonly tell: (backlog: BacklogTotal) => Promise<void>;
}

/**
 * Brings spooled messages home, oldest first, as many as fit into one run. The platform may silently end a run at any
 * message. So the run first reports what waits, and writes a mark before it begins a message. Messages at which an earlier run
 * ended have their turn alone, before the others.
 */
export async function drain(recipients: Recipients, surroundings: DrainSurroundings): Promise<DrainReport> {
  const { bucket, clock, usage } = surroundings;
  const started = clock.now();
  const counts = { delivered: 0, duplicates: 0, dead: 0, failed: 0 };
  /** Until home has been seen to be up, one message at a time is enough to find out. */
  const state: { stopped: Stop | undefined; isHomeUp: boolean } = { stopped: undefined, isHomeUp: false };
  let hasBegun = false;
  const { suspects, due, backlog, countOn } = await lookAt(bucket, clock, usage);
  const found = suspects.length;

  await surroundings.tell(backlog.total(clock.now()));
  await work(suspects, () => 1);
  await work(due, () => (state.isHomeUp ? DRAIN_LANES : 1));
  if (suspects.length + due.length > 0) state.stopped ??= isLate() ? "time" : "limit";
  await countOn();
  return { ...backlog.total(clock.now()), ...counts, suspects: found, stopped: state.stopped };

  async function work(queue: Due[], width: () => number): Promise<void> {
    /** Copies of messages that were on their way; their outcome is known when those have ended. */
    const busy: Due[] = [];
    const mayBegin = (running: number) => state.stopped === undefined && !isLate() && hasUsageLeft(running);
    const lanes: Lanes = { width, bytes: DRAIN_LANES_BYTES, mayBegin };
    await inLanes(queue, (one) => turn(one, busy), lanes);
    // Once: what is still busy then is on its way elsewhere.
    await inLanes(busy, (one) => turn(one, undefined), lanes);
    for (const { object } of busy) await end(bucket, clock, nameOf(object.key));
  }

  function isLate(): boolean {
    return clock.now() - started >= DRAIN_MS;
  }

  function hasUsageLeft(running: number): boolean {
    return usage.requests() + usage.operations() + MESSAGE_USAGE * (running + 1) < MOST_USAGE;
  }

  /** @param later where a copy waits for its second try; undefined when this is the second try */
  async function turn(one: Due, later: Due[] | undefined): Promise<void> {
    const isAlone = one.before !== undefined && !hasBegun;
    hasBegun = true;
    const ended = await takeTurn(one, recipients, surroundings, isAlone);
    // Its mark stays until then, because R2 takes about one write per second to the same object.
    if (ended === "busy" && later !== undefined) later.push({ ...one, isBegun: true });
    else if (ended !== "under way") await end(bucket, clock, nameOf(one.object.key));
    if (["delivered", "duplicate", "dead", "gone"].includes(ended)) backlog.leave(one.object);
    count(ended);
  }

  function count(ended: Turn): void {
    if (ended === "delivered") counts.delivered++;
    else if (ended === "duplicate") counts.duplicates++;
    else if (ended === "dead") counts.dead++;
    else if (ended === "failed" || ended === "home" || ended === "spool") counts.failed++;
    if (ended === "delivered" || ended === "failed") state.isHomeUp = true;
    if (ended === "home" || ended === "spool" || ended === "limit") state.stopped ??= ended;
  }
}
