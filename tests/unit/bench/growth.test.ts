import fc from "fast-check";

import { growthOf, type Point } from "../../../bench/growth";

const CHECKPOINTS = [2, 26, 51, 76, 100];

/** @param secondsWith how long a preview takes with so many domains on a quiet machine */
function measured(secondsWith: (domains: number) => number, slowness: (domains: number) => number = () => 1): Point[] {
  return CHECKPOINTS.map((domains) => ({
    domains,
    whole: [1, 1.02, 0.98].map((noise) => noise * secondsWith(domains) * slowness(domains)),
    bare: [1.01, 0.99, 1].map((noise) => noise * 2.5 * slowness(domains)),
  }));
}

describe("the growth of a preview with the number of domains", () => {
  test.each([
    ["none: all together is linear", () => 3, 0],
    ["20 ms for each domain: all together is quadratic", (domains: number) => 3 + 0.02 * domains, 1.96 / 3.04],
    ["twice as long at the end", (domains: number) => 3 * (1 + (domains - 2) / 98), 1],
    ["faster at the end", (domains: number) => 3 - 0.01 * domains, -0.98 / 2.98],
  ])("%s", (_name, secondsWith, growth) => expect(growthOf(measured(secondsWith))).toBeCloseTo(growth, 6));

  test("does not see a machine that becomes slower, or is slow for a while", () =>
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0.5, max: 4, noNaN: true }), { minLength: 5, maxLength: 5 }), (factors) => {
        const slowness = (domains: number) => factors[CHECKPOINTS.indexOf(domains)] ?? 1;
        expect(growthOf(measured(() => 3, slowness))).toBeCloseTo(0, 6);
        expect(growthOf(measured((domains) => 3 + 0.02 * domains, slowness))).toBeGreaterThan(0.5);
      }),
    ));

  test("one preview that hangs in a round is no growth", () => {
    const points = measured(() => 3).map((point) => ({ ...point, whole: [...point.whole.slice(1), 60] }));
    expect(growthOf(points)).toBeLessThan(0.05);
  });

  test.each([
    ["no measurement", []],
    ["one number of domains", [2, 2]],
  ])("%s is no answer", (_name, numbers) =>
    expect(() => growthOf(numbers.map((domains) => ({ domains, whole: [1], bare: [1] })))).toThrow(RangeError),
  );
});
