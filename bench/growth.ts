import { median } from "./median";

/** What was measured while so many domains were there, in seconds; one entry for each round. */
export interface Point {
  readonly domains: number;
  readonly whole: readonly number[];
  /** The bare program in the same rounds: how fast the machine was then. */
  readonly bare: readonly number[];
}

/**
 * How much longer a preview takes with the last number of domains than with the first, as a share of the first: 0 when all
 * previews together take time in proportion to the domains, 1 when each takes twice as long at the end. The slope is that
 * of least squares through the medians, each divided by the bare program's of the same rounds, so that a machine that
 * becomes slower meanwhile does not count.
 *
 * @throws RangeError with fewer than two numbers of domains: a line through one point has any slope
 */
export function growthOf(points: readonly Point[]): number {
  const numbers = points.map(({ domains }) => domains);
  const first = Math.min(...numbers);
  const last = Math.max(...numbers);
  if (!(last > first)) throw new RangeError("A growth needs measurements with two different numbers of domains.");
  const ratios = points.map(({ whole, bare }) => median(whole) / median(bare));
  const meanX = mean(numbers);
  const meanY = mean(ratios);
  const slope =
    sum(numbers.map((x, at) => (x - meanX) * ((ratios[at] ?? meanY) - meanY))) /
    sum(numbers.map((x) => (x - meanX) ** 2));
  return (slope * (last - first)) / (meanY + slope * (first - meanX));
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
