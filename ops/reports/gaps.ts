/** Counts what could not be read in a report, so that a thousand odd rows take one clause. */
export class Gaps {
  readonly #counts = new Map<string, number>();

  /** @param what a clause after a number of things: `rows without a count are left out` */
  add(what: string, times = 1): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + times);
  }

  /** As clauses: `3 rows without a count are left out`. */
  told(): readonly string[] {
    return [...this.#counts].map(([what, times]) => `${times} ${what}`);
  }
}
