import { MAX_LISTINGS, MOST_DUE } from "../../worker/src/budgets";
import type { Clock } from "../../worker/src/clock";
import type { SpoolBucket, SpoolListOptions, SpoolObject, SpoolPage } from "../../worker/src/env";
import { lookAt } from "../../worker/src/queue";
import { nameOf } from "../../worker/src/spool";
import { counted } from "../../worker/src/usage";

/** Spools so large that only their listing can be made up. */

const NOW = Date.parse("2026-06-01T00:00:00Z");
const FIRST_AT = Date.parse("2026-01-02T03:04:05Z");
const INTERVAL_MS = 1_000;
const PAGE = 1_000;
const SIZE = 2_000;
const clock: Clock = { now: () => NOW, within: (_, __, promise) => promise };

const nameOfNumber = (id: number) => `${new Date(FIRST_AT + id * INTERVAL_MS).toISOString()}-00000000.eml`;
/** The number of the first message whose name is behind that. */
const numberAfter = (name: string) => Math.floor((Date.parse(name.slice(0, 24)) - FIRST_AT) / INTERVAL_MS) + 1;

interface Given {
  readonly count: number;
  /** Whether the message of that number has failed and must wait. */
  readonly pauses?: (id: number) => boolean;
}

/** A bucket with so many messages; it keeps what is put. */
function bucketOf({ count, pauses = () => false }: Given): SpoolBucket {
  const stored = new Map<string, string>();
  const never = () => Promise.reject(new Error("not asked here"));
  return {
    head: never,
    delete: never,
    put: (key, value) => {
      if (typeof value === "string") stored.set(key, value);
      return Promise.resolve({ etag: "1" });
    },
    get: (key) => {
      const text = stored.get(key);
      if (text === undefined) return Promise.resolve(null);
      const body = new ReadableStream<Uint8Array>();
      return Promise.resolve({
        key,
        size: text.length,
        etag: "1",
        body,
        text: () => Promise.resolve(text),
        arrayBuffer: never,
      });
    },
    list: (options) => Promise.resolve(page(options)),
  };

  function page({ prefix, cursor, startAfter, limit = PAGE }: SpoolListOptions): SpoolPage {
    if (prefix === "begun/") return { objects: [], truncated: false };
    const isRetry = prefix === "retry/";
    const objects: SpoolObject[] = [];
    // A sidecar's name is longer than its message's, so it comes right behind it.
    const after = startAfter === undefined ? 0 : numberAfter(nameOf(startAfter)) - (isRetry ? 1 : 0);
    let id = cursor === undefined ? after : Number(cursor);
    for (; id < count && objects.length < limit; id++) {
      if (isRetry && !pauses(id)) continue;
      const next = { customMetadata: { next: new Date(NOW + 1).toISOString() } };
      objects.push({
        key: `${prefix}${nameOfNumber(id)}${isRetry ? ".json" : ""}`,
        size: SIZE,
        etag: "1",
        ...(isRetry ? next : {}),
      });
    }
    return id < count ? { objects, truncated: true, cursor: String(id) } : { objects, truncated: false };
  }
}

async function look(bucket: SpoolBucket) {
  const { bucket: counting, ...usage } = counted(() => Promise.reject(new Error("no requests")), bucket);
  const queue = await lookAt(counting, clock, usage);
  const before = usage.operations();
  const told = queue.backlog.total(NOW);
  await queue.countOn();
  return { queue, before, told, after: usage.operations(), report: queue.backlog.total(NOW) };
}

const numbers = (due: readonly { object: SpoolObject }[]) =>
  due.map(({ object }) => numberAfter(nameOf(object.key)) - 1);

test.each([10_001, 100_000, 1_000_000])(
  "of %i messages a run looks at the oldest, and says that there are more",
  async (count) => {
    const { queue, before, told, after, report } = await look(bucketOf({ count }));
    expect(numbers(queue.due)).toEqual(Array.from({ length: MOST_DUE }, (_, id) => id));
    const oldestSeconds = (NOW - FIRST_AT) / 1_000;
    expect(told).toEqual({ waiting: 1_000, bytes: 1_000 * SIZE, oldestSeconds, isExcerpt: true });
    expect(report).toEqual({ waiting: 10_000, bytes: 10_000 * SIZE, oldestSeconds, isExcerpt: true });
    expect([before, after]).toEqual([3, 12]);
  },
);

test("fewer than that are counted", async () => {
  const { told, report } = await look(bucketOf({ count: 9_999 }));
  expect([told.isExcerpt, report.isExcerpt, report.waiting]).toEqual([true, false, 9_999]);
});

test.each([100_000, 1_000_000])("%i that pause cost as little", async (count) => {
  const { queue, before, after } = await look(bucketOf({ count, pauses: () => true }));
  expect(queue.due).toEqual([]);
  expect(before).toBeLessThanOrEqual(MAX_LISTINGS);
  expect(after).toBeLessThanOrEqual(MAX_LISTINGS + 2);
});

test("one that may be tried has its turn behind 20,000 that pause, a few runs later, and then again", async () => {
  const count = 20_000;
  const bucket = bucketOf({ count, pauses: (id) => id !== 19_500 && id !== 7 });
  const turns: number[][] = [];
  for (let run = 0; run < 10; run++) turns.push(numbers((await look(bucket)).queue.due));
  // The oldest is looked at by every run.
  expect(turns.every((ids) => ids[0] === 7)).toBe(true);
  const runs = turns.flatMap((ids, run) => (ids.includes(19_500) ? [run] : []));
  expect(runs).toEqual([4, 9]);
});
