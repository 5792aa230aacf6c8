import fc from "fast-check";
import { deliver } from "../../worker/src/deliver";
import type { BacklogTotal } from "../../worker/src/backlog";
import { MAX_KILLS } from "../../worker/src/begun";
import { drain } from "../../worker/src/drain";
import { streamOf, surroundingsOf, World } from "./model";
import type { Deadly, Fate, Mode } from "./model";

const RUNS = 1_000;
const BUDGET_MS = 240_000;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** Runs of the drain after everything is well again. A message that ends runs takes six of them, and has copies. */
const MAX_LAST_RUNS = 200;

const RECIPIENTS = { mailDomain: "example.org", catchAll: undefined };
const MESSAGES = [
  "Message-ID: <1@x>\r\nSubject: the author's\r\n\r\none",
  "Message-ID: <1@x>\r\nSubject: a stranger's\r\n\r\none",
  "Message-ID: <2@x>\r\n\r\ntwo",
  "Subject: no id\r\n\r\nthree",
];
const ADDRESSES = ["me@example.org", "also@example.org"];
const MODES: readonly Mode[] = ["jmap", "lmtp"];

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

describe.each(MODES)("by %s", (mode) => {
  test(
    "whatever fails, what was accepted is in the mailbox: once, or more often only after a mishap that allows it",
    async () => {
      const seen = { accepted: 0, doubles: 0, excused: 0 };
      await fc.assert(
        fc.asyncProperty(steps(bad), fc.scheduler(), async (given, scheduler) => {
          const { world, accepted } = await live(given, scheduler, { mode });
          expect(world.keys("dead/")).toEqual([]);
          for (const mail of accepted) {
            const copies = copiesOf(world, mail);
            expect(hasArrived(world, mail)).toBe(true);
            expect(copies).toBeLessThanOrEqual(1 + world.excuses);
            if (copies > 1) seen.doubles++;
          }
          seen.accepted += accepted.length;
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
            const { world, accepted, died } = await live(given, scheduler, { mode, mayMeet: isAllowed });
            expect([world.excuses, world.keys("dead/")]).toEqual([0, []]);
            for (const mail of accepted) expect(hasArrived(world, mail)).toBe(true);
            // The sender did not hear that it was taken, if it was.
            for (const mail of everyMail(mode)) expect(copiesOf(world, mail)).toBeLessThanOrEqual(1);
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

  test.each<Deadly>(["read", "send"])(
    "one message ends every run (%s): it ends under dead/, and all others arrive",
    async (at) => {
      const seen = { dead: 0, others: 0, died: 0, doubles: 0 };
      await fc.assert(
        fc.asyncProperty(
          steps(["refused", "die"]),
          fc.nat({ max: MESSAGES.length - 1 }),
          fc.scheduler(),
          async (given, deadly, scheduler) => {
            const all = MESSAGES.map((_, message) => ({ kind: "event" as const, message, address: 0, fates: [] }));
            const spooled: Step = { pauseMs: 0, isDown: true, work: all };
            const deaths = { mode, mayMeet: isAllowed, deadly: { message: deadly, at } };
            const { world, accepted, died } = await live([spooled, ...given], scheduler, deaths);
            const dead = world.keys("dead/").map((key) => world.objects.get(key));
            for (const object of dead) {
              expect(textOf(object?.bytes).endsWith(MESSAGES[deadly] ?? "")).toBe(true);
              expect(object?.metadata["reason"]).toMatch(/^The platform ended 5 runs/);
            }
            expect(dead.length).toBeGreaterThan(0);
            for (const mail of accepted) {
              const copies = copiesOf(world, mail);
              // An event reads nothing out of the bucket, so what ends runs there can still come directly.
              if (mail.message === deadly) expect(copies).toBeLessThanOrEqual(at === "read" ? 1 : 0);
              else expect(hasArrived(world, mail)).toBe(true);
              // A neighbour that had arrived when the run ended may come again.
              expect(copies).toBeLessThanOrEqual(1 + world.excuses);
              if (copies > 1) seen.doubles++;
            }
            seen.dead += dead.length;
            seen.others += accepted.length;
            seen.died += died;
          },
        ),
        { numRuns: RUNS / 5 },
      );
      expect(seen.dead).toBeGreaterThanOrEqual(RUNS / 5);
      expect(seen.others).toBeGreaterThan(RUNS / 2);
      expect(seen.doubles).toBeLessThan(seen.others / 20);
      expect(seen.died).toBeGreaterThan(RUNS);
    },
    BUDGET_MS,
  );

  test.each<Deadly>(["read", "send"])(
    "a day of 1,440 runs with one message that ends each of them (%s): the others arrive within minutes, and it is told",
    async (at) => {
      const world = new World();
      world.isDown = true;
      const raws = ["deadly", "a", "b", "c", "d", "e"].map((body) => `Subject: x\r\n\r\n${body}`);
      for (const raw of raws) {
        const { ledger, bucket, clock } = surroundingsOf(world, world.actor());
        const surroundings = { home: world.actor().homeBy(mode), ledger, bucket, clock };
        expect(await deliver(incoming(raw), RECIPIENTS, surroundings, progress())).toMatchObject({ kind: "spooled" });
        world.now++;
      }
      world.isDown = false;
      world.deadly = { at, isIt: (bytes) => textOf(bytes).endsWith("deadly") };
      const told: number[] = [];
      let runsOfOthers = 0;
      let died = 0;
      for (let run = 0; run < 1_440; run++) {
        world.now += MINUTE_MS;
        const actor = world.actor();
        const given = { ...surroundingsOf(world, { bucket: actor.bucket, home: actor.homeBy(mode) }) };
        const tell = ({ oldestSeconds }: BacklogTotal) => Promise.resolve(void told.push(oldestSeconds));
        if ((await Promise.race([drain(RECIPIENTS, { ...given, tell }), actor.death])) === "died") died++;
        if (world.mailbox.length < raws.length - 1) runsOfOthers++;
        expect(world.keys("spool/").length + world.keys("dead/").length).toBeLessThanOrEqual(
          raws.length - world.mailbox.length,
        );
      }
      expect(runsOfOthers).toBeLessThanOrEqual(2);
      expect(told).toHaveLength(1_440);
      // Longer than the alert waits by default.
      expect(Math.max(...told)).toBeGreaterThanOrEqual(3_600);
      expect(died).toBe(1 + MAX_KILLS);
      expect(world.mailbox.map((bytes) => textOf(bytes).at(-1)).sort()).toEqual(["a", "b", "c", "d", "e"]);
      const [dead, ...more] = world.keys("dead/");
      expect(textOf(world.objects.get(dead ?? "")?.bytes).endsWith("deadly")).toBe(true);
      expect([more, world.keys("spool/"), world.keys("begun/")]).toEqual([[], [], []]);
    },
    BUDGET_MS,
  );
});

/** Where the bucket does not say what came with a Message-ID, home's own suppression of duplicates stands. */
function isKept(_: Fate, subject: string): boolean {
  return !subject.startsWith("ids/");
}

/** The bucket keeps the ledger, and home says what has arrived. All else may fail, and every isolate may end at any moment. */
function isAllowed(fate: Fate, subject: string): boolean {
  if (fate === "die" || fate === "dieAfter") return true;
  return !subject.startsWith("ledger/") && isKept(fate, subject) && subject !== "arrivals";
}

/** What should be in the mailbox once: LMTP says nothing of accounts, so a message to two addresses is two mails there. */
interface Mail {
  readonly message: number;
  readonly address: number | undefined;
}

function everyMail(mode: Mode): readonly Mail[] {
  const addresses = mode === "jmap" ? [undefined] : [...ADDRESSES.keys()];
  return [...MESSAGES.keys()].flatMap((message) => addresses.map((address) => ({ message, address })));
}

interface Life {
  readonly mode: Mode;
  readonly mayMeet?: typeof isAllowed;
  readonly deadly?: { readonly message: number; readonly at: Deadly };
}

/** Lives through the steps, heals, and lets the cron trigger run. */
async function live(given: readonly Step[], scheduler: fc.Scheduler, { mode, mayMeet = isKept, deadly }: Life) {
  const world = new World();
  if (deadly !== undefined)
    world.deadly = { at: deadly.at, isIt: (bytes) => textOf(bytes).endsWith(MESSAGES[deadly.message] ?? "") };
  let died = 0;
  let attempts = 0;
  const accepted = new Map<string, Mail>();
  for (const { pauseMs, isDown, work } of given) {
    world.now += pauseMs;
    world.isDown = isDown;
    await scheduler.waitFor(Promise.all(work.map((one) => perform(one))));
    world.settle();
  }
  world.isDown = false;
  for (
    let run = 0;
    run < MAX_LAST_RUNS && ["spool/", "begun/"].some((prefix) => world.keys(prefix).length > 0);
    run++
  ) {
    world.now += DAY_MS;
    const actor = world.actor();
    const running = drain(RECIPIENTS, surroundingsOf(world, { bucket: actor.bucket, home: actor.homeBy(mode) }));
    if ((await Promise.race([running, actor.death])) === "died") died++;
  }
  expect([world.keys("spool/"), world.keys("begun/")]).toEqual([[], []]);
  return { world, accepted: [...accepted.values()], died };

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
    const surroundings = surroundingsOf(world, { bucket: actor.bucket, home: actor.homeBy(mode) });
    if (one.kind === "drain") {
      await Promise.race([drain(RECIPIENTS, surroundings).catch(() => undefined), actor.death]);
      return;
    }
    // Each attempt of the sender has another field in front.
    const raw = `Received: attempt ${++attempts}\r\n${MESSAGES[one.message] ?? ""}`;
    const { ledger, bucket, clock } = surroundings;
    const event = { home: actor.homeBy(mode), ledger, bucket, clock };
    const delivering = deliver(incoming(raw, ADDRESSES[one.address]), RECIPIENTS, event, progress());
    const end = await Promise.race([delivering.catch(() => "threw" as const), actor.death]);
    if (typeof end === "string") return;
    expect(end.kind).not.toBe("refused");
    const mail = { message: one.message, address: mode === "jmap" ? undefined : one.address };
    accepted.set(JSON.stringify(mail), mail);
  }
}

function incoming(raw: string, to = "me@example.org") {
  const bytes = new TextEncoder().encode(raw);
  return { from: "a@remote.example", to, rawSize: bytes.byteLength, raw: streamOf(bytes) };
}

function progress() {
  return { key: undefined, steps: {} };
}

function textOf(bytes: Uint8Array | undefined): string {
  return new TextDecoder().decode(bytes);
}

/** By LMTP a message that came to another address of the account before may be dropped by the server, or imported once. */
function hasArrived(world: World, { message }: Mail): boolean {
  return copiesOf(world, { message, address: undefined }) > 0;
}

function copiesOf(world: World, { message, address }: Mail): number {
  const end = MESSAGES[message] ?? "";
  const to = address === undefined ? "" : `X-Original-To: ${ADDRESSES[address] ?? ""}\r\n`;
  return world.mailbox.map(textOf).filter((text) => text.includes(to) && text.endsWith(end)).length;
}
