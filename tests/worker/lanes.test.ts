import { inLanes } from "../../worker/src/lanes";
import type { Lanes } from "../../worker/src/lanes";

const WIDE: Lanes = { width: () => 3, bytes: 100, mayBegin: () => true };

/** Runs jobs of these sizes, each until the next turn of the event loop, and tells what ran at the same time. */
async function run(sizes: readonly number[], lanes: Lanes) {
  const queue = sizes.map((size, index) => ({ size, index }));
  const begun: number[] = [];
  let running: number[] = [];
  let widest = 0;
  let heaviest = 0;
  await inLanes(
    queue,
    async ({ size, index }) => {
      begun.push(index);
      running.push(size);
      widest = Math.max(widest, running.length);
      if (running.length > 1)
        heaviest = Math.max(
          heaviest,
          running.reduce((sum, one) => sum + one, 0),
        );
      await new Promise((resolve) => setImmediate(resolve));
      running = running.filter((one) => one !== size);
    },
    lanes,
  );
  expect(running).toEqual([]);
  return { begun, widest, heaviest, left: queue.length };
}

test("takes jobs in their order, as many at once as there are lanes", async () => {
  expect(await run([1, 2, 3, 4, 5], WIDE)).toMatchObject({ begun: [0, 1, 2, 3, 4], widest: 3, left: 0 });
});

test("a heavy job runs alone, however heavy, and nothing is held beside it", async () => {
  expect(await run([40, 500, 41, 42, 43], WIDE)).toEqual({ begun: [0, 1, 2, 3, 4], widest: 2, heaviest: 85, left: 0 });
});

test("leaves what may not begin, when nothing runs whose end could change that", async () => {
  const mayBegin = (running: number) => running === 0;
  expect(await run([1, 2, 3], { ...WIDE, mayBegin })).toMatchObject({ begun: [0, 1, 2], widest: 1, left: 0 });
  expect(await run([1, 2, 3], { ...WIDE, mayBegin: () => false })).toMatchObject({ begun: [], left: 3 });
});

test("becomes wider while it runs", async () => {
  let asked = 0;
  expect(await run([1, 2, 3, 4], { ...WIDE, width: () => (asked++ === 0 ? 1 : 2) })).toMatchObject({
    widest: 2,
    left: 0,
  });
});
