import { createBacklog } from "./backlog";
import type { BacklogTotal } from "./backlog";
import {
  DRAIN_LANES,
  DRAIN_LANES_BYTES,
  DRAIN_MS,
  FREE_REQUESTS,
  MESSAGE_REQUESTS,
  MESSAGE_USAGE,
  MOST_DUE,
  MOST_USAGE,
} from "./budgets";
import type { Recipients } from "./deliver";
import { inLanes } from "./lanes";
import type { Lanes } from "./lanes";
import { readPauses } from "./pauses";
import { listed, nameOf, SPOOL_PREFIX } from "./spool";
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
  /** Why the run ended although messages had not had their turn. */
  readonly stopped: Stop | undefined;
}

/** `limit`: the platform allows an invocation no more requests. */
export type Stop = "home" | "spool" | "limit" | "time";

/** The outside world of one run. */
export interface DrainSurroundings extends TurnSurroundings {
  readonly usage: Usage;
  /** Told once what waits, while another request is certain to be allowed. Never throws. */
  readonly tell: (backlog: BacklogTotal) => Promise<void>;
}

/**
 * Brings spooled messages home, oldest first, as many as fit into one run. What the platform is certain to allow comes
 * first, then the count of what waits; only then does the run go on to where it may be refused.
 */
export async function drain(recipients: Recipients, surroundings: DrainSurroundings): Promise<DrainReport> {
  const { bucket, clock, usage } = surroundings;
  const started = clock.now();
  const counts = { delivered: 0, duplicates: 0, dead: 0, failed: 0 };
  /** Until home has been seen to be up, one message at a time is enough to find out. */
  const state: { stopped: Stop | undefined; isHomeUp: boolean } = { stopped: undefined, isHomeUp: false };
  const backlog = createBacklog();
  const due: Due[] = [];
  /** Copies of messages that were on their way: they have their answer when those have ended. */
  const busy: Due[] = [];
  const pauses = await readPauses(bucket, clock);
  const objects = listed(bucket, SPOOL_PREFIX, clock);

  await list(() => due.length >= MOST_DUE);
  await work((running) => usage.requests() + MESSAGE_REQUESTS * (running + 1) < FREE_REQUESTS);
  await list(() => false);
  await surroundings.tell(backlog.total(clock.now()));
  await work(() => true);
  if (due.length > 0) state.stopped ??= isLate() ? "time" : "limit";
  return { ...backlog.total(clock.now()), ...counts, stopped: state.stopped };

  async function list(isEnough: () => boolean): Promise<void> {
    while (!isEnough()) {
      const next = await objects.next();
      if (next.done === true) return;
      const object = next.value;
      const pause = pauses.get(nameOf(object.key));
      const isDue = (pause ?? 0) <= clock.now() && backlog.mayLeave() < MOST_DUE;
      if (isDue) due.push({ object, size: object.size, hasPaused: pause !== undefined });
      backlog.add(object, isDue);
    }
  }

  async function work(isAllowed: (running: number) => boolean): Promise<void> {
    const lanes: Lanes = {
      width: () => (state.isHomeUp ? DRAIN_LANES : 1),
      bytes: DRAIN_LANES_BYTES,
      mayBegin: (running) => state.stopped === undefined && !isLate() && hasUsageLeft(running) && isAllowed(running),
    };
    await inLanes(due, (one) => turn(one, busy), lanes);
    // Once: what is still busy then is on its way elsewhere.
    await inLanes(busy, (one) => turn(one, []), lanes);
  }

  function isLate(): boolean {
    return clock.now() - started >= DRAIN_MS;
  }

  function hasUsageLeft(running: number): boolean {
    return usage.requests() + usage.operations() + MESSAGE_USAGE * (running + 1) < MOST_USAGE;
  }

  async function turn(one: Due, later: Due[]): Promise<void> {
    const ended = await takeTurn(one, recipients, surroundings);
    if (ended === "busy") later.push(one);
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
