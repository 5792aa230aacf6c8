import fc from "fast-check";
import { deliver } from "../../worker/src/deliver";
import { drain } from "../../worker/src/drain";
import { streamOf, surroundingsOf, World } from "./model";
import type { Fate } from "./model";

const RUNS = 2_000;
const BUDGET_MS = 240_000;
const DAY_MS = 86_400_000;
/** Runs of the drain after everything is well again; more messages than that are never spooled at once here. */
const LAST_RUNS = 12;

const RECIPIENTS = { mailDomain: "example.org", catchAll: undefined };
const MESSAGES = ["Message-ID: <1@x>\r\n\r\none", "Message-ID: <2@x>\r\n\r\ntwo", "Subject: no id\r\n\r\nthree"];
const ADDRESSES = ["me@example.org", "also@example.org"];

type Work =
  | { readonly kind: "event"; readonly message: number; readonly address: number; readonly fates: readonly Fate[] }
  | { readonly kind: "drain"; readonly fates: readonly Fate[] };
/** What happens at the same time, after a pause. */
interface Step {
  readonly pauseMs: number;
  readonly isDown: boolean;
  readonly work: readonly Work[];
}

const bad: readonly Fate[] = ["before", "after", "late", "refused", "die", "dieAfter"];
const fates = (kinds: readonly Fate[]) =>
  fc.array(
    fc.oneof({ weight: 4, arbitrary: fc.constant<Fate>("ok") }, { weight: 1, arbitrary: fc.constantFrom(...kinds) }),
    {
      maxLength: 14,
    },
  );
const work = (kinds: readonly Fate[]): fc.Arbitrary<Work> =>
  fc.oneof(
    fc.record({
      kind: fc.constant("event" as const),
      message: fc.nat({ max: MESSAGES.length - 1 }),
      address: fc.nat({ max: ADDRESSES.length - 1 }),
      fates: fates(kinds),
    }),
    fc.record({ kind: fc.constant("drain" as const), fates: fates(kinds) }),
  );
const steps = (kinds: readonly Fate[]): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.record({
      pauseMs: fc.constantFrom(0, 1_000, 100_000, 200_000, DAY_MS),
      isDown: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, fc.constant(true)),
      work: fc.array(work(kinds), { minLength: 1, maxLength: 3 }),
    }),
    { minLength: 1, maxLength: 5 },
  );

test(
  "whatever fails, what was accepted is in the mailbox: once, or more often only after a mishap that allows it",
  async () => {
    const seen = { accepted: 0, refused: 0, doubles: 0, excused: 0 };
    await fc.assert(
      fc.asyncProperty(steps(bad), fc.scheduler(), async (given, scheduler) => {
        const { world, accepted } = await live(given, scheduler);
        for (const index of accepted) {
          const copies = copiesOf(world, index);
          expect(copies).toBeGreaterThanOrEqual(1);
          expect(copies).toBeLessThanOrEqual(1 + world.excuses);
          if (copies > 1) seen.doubles++;
        }
        seen.accepted += accepted.size;
        if (world.excuses > 0) seen.excused++;
      }),
      { numRuns: RUNS },
    );
    // The sequences reach what they are there for.
    expect(seen.accepted).toBeGreaterThan(RUNS);
    expect(seen.doubles).toBeGreaterThan(0);
    expect(seen.excused).toBeLessThan(RUNS);
  },
  BUDGET_MS,
);

test(
  "without such a mishap it is there exactly once, also when answers are lost, isolates die, and several run at the same time",
  async () => {
    const seen = { takenOver: 0, died: 0 };
    await fc.assert(
      fc.asyncProperty(
        steps(["refused", "before", "after", "late", "die", "dieAfter"]),
        fc.scheduler(),
        async (given, scheduler) => {
          const { world, accepted, died } = await live(given, scheduler, isAllowed);
          expect(world.excuses).toBe(0);
          for (const index of accepted) expect(copiesOf(world, index)).toBe(1);
          // The sender did not hear that it was taken, if it was.
          for (const index of MESSAGES.keys()) expect(copiesOf(world, index)).toBeLessThanOrEqual(1);
          seen.takenOver += world.takenOver;
          seen.died += died;
        },
      ),
      { numRuns: RUNS },
    );
    expect(seen.died).toBeGreaterThan(RUNS / 10);
    expect(seen.takenOver).toBeGreaterThan(RUNS / 100);
  },
  BUDGET_MS,
);

/** The bucket keeps the ledger, and home says what has arrived. All else may fail, and every isolate may end at any moment. */
function isAllowed(fate: Fate, subject: string): boolean {
  if (fate === "die" || fate === "dieAfter") return true;
  return !subject.startsWith("ledger/") && subject !== "arrivals";
}

/** Lives through the steps, heals, and lets the cron trigger run. */
async function live(given: readonly Step[], scheduler: fc.Scheduler, mayMeet: typeof isAllowed = () => true) {
  const world = new World();
  let died = 0;
  const accepted = new Set<number>();
  for (const { pauseMs, isDown, work } of given) {
    world.now += pauseMs;
    world.isDown = isDown;
    await scheduler.waitFor(Promise.all(work.map((one) => perform(one))));
    world.settle();
  }
  world.isDown = false;
  for (let run = 0; run < LAST_RUNS; run++) {
    world.now += DAY_MS;
    await drain(RECIPIENTS, surroundingsOf(world, world.actor()));
  }
  expect(world.keys("spool/")).toEqual([]);
  expect(world.keys("dead/")).toEqual([]);
  return { world, accepted, died };

  async function perform(one: Work): Promise<void> {
    const left = [...one.fates];
    const fate = (subject: string): Fate => {
      const next = left.shift() ?? "ok";
      return mayMeet(next, subject) ? next : "ok";
    };
    const actor = world.actor(fate, async () => {
      // Hashing ends in another turn of the event loop; who hashes must not fall behind all others.
      await new Promise((resolve) => setImmediate(resolve));
      await scheduler.schedule(Promise.resolve());
    });
    void actor.death.then(() => died++);
    if (one.kind === "drain") {
      await Promise.race([drain(RECIPIENTS, surroundingsOf(world, actor)).catch(() => undefined), actor.death]);
      return;
    }
    const raw = new TextEncoder().encode(MESSAGES[one.message]);
    const to = ADDRESSES[one.address] ?? "";
    const incoming = { from: "a@remote.example", to, rawSize: raw.byteLength, raw: streamOf(raw) };
    const { home, ledger, bucket, clock } = surroundingsOf(world, actor);
    const delivering = deliver(
      incoming,
      RECIPIENTS,
      { home: home(), ledger, bucket, clock },
      { key: undefined, steps: {} },
    );
    const end = await Promise.race([delivering.catch(() => "threw" as const), actor.death]);
    if (typeof end === "string") return;
    expect(end.kind).not.toBe("refused");
    accepted.add(one.message);
  }
}

function copiesOf(world: World, index: number): number {
  const end = MESSAGES[index] ?? "";
  return world.mailbox.filter((bytes) => new TextDecoder().decode(bytes).endsWith(end)).length;
}
