import { type Check, CHECK_BUDGET_MS, type Finding, error, skipped } from "./check";
import type { Context } from "./context";

/** One check and what it saw. */
export interface Result {
  readonly check: Check;
  readonly finding: Finding;
  /** How long it took; 0 when it was not run. */
  readonly ms: number;
}

export interface RunOptions {
  /** Checks at the same time. */
  readonly concurrency?: number;
  /** Milliseconds for all of them; what is not finished then is an error. */
  readonly budgetMs?: number;
  /** Told as soon as a check is finished. */
  readonly onResult?: (result: Result) => void;
}

const CONCURRENCY = 24;
/** The whole command takes less than ten seconds: decrypting and the report come on top. */
export const TOTAL_BUDGET_MS = 7_500;

/** Two checks with one id, or a gate that does not exist. */
export class ChecksError extends Error {}

/**
 * Runs the checks, each after those that it needs, and returns the results in the checks' order. It never rejects for what
 * a check does: an exception or a spent budget is an error finding.
 */
export async function runChecks(
  checks: readonly Check[],
  context: Context,
  { concurrency = CONCURRENCY, budgetMs = TOTAL_BUDGET_MS, onResult }: RunOptions = {},
): Promise<readonly Result[]> {
  const byId = new Map(checks.map((check) => [check.id, check]));
  if (byId.size !== checks.length) throw new ChecksError(`two checks have one id: ${doubles(checks).join(", ")}`);
  const end = Date.now() + budgetMs;
  const slots = new Slots(concurrency);
  const results = new Map<string, Promise<Result>>();
  /** The check that really failed, for those that were skipped because of one. */
  const roots = new Map<string, Check>();
  /** Those whose own fault is told at its cause. */
  const followers = new Set<string>();

  return await Promise.all(checks.map((check) => resultOf(check, [])));

  function resultOf(check: Check, path: readonly string[]): Promise<Result> {
    if (path.includes(check.id)) throw new ChecksError(`checks need each other: ${[...path, check.id].join(" > ")}`);
    const known = results.get(check.id);
    if (known) return known;
    const before = [...path, check.id];
    const gates = check.needs.map((id) => {
      const gate = byId.get(id);
      if (!gate) throw new ChecksError(`${check.id} needs ${id}, which is no check`);
      return resultOf(gate, before);
    });
    const causes = (check.follows ?? []).flatMap((id) => {
      const cause = byId.get(id);
      return cause ? [resultOf(cause, before)] : [];
    });
    const result = finish(check, gates, causes);
    results.set(check.id, result);
    return result;
  }

  async function finish(
    check: Check,
    gates: readonly Promise<Result>[],
    causes: readonly Promise<Result>[],
  ): Promise<Result> {
    const result = await explained(await judge(check, gates), causes);
    onResult?.(result);
    return result;
  }

  /** A fault whose cause has failed is told there. */
  async function explained(result: Result, causes: readonly Promise<Result>[]): Promise<Result> {
    const { check, finding, ms } = result;
    if (finding.status !== "error" && finding.status !== "warning") return result;
    const cause = (await Promise.all(causes)).find(
      (one) => one.finding.status === "error" || followers.has(one.check.id),
    );
    if (!cause) return result;
    const root = roots.get(cause.check.id) ?? cause.check;
    roots.set(check.id, root);
    followers.add(check.id);
    return { check, finding: skipped(`follows from "${root.title}", which failed`, finding.expected), ms };
  }

  async function judge(check: Check, gates: readonly Promise<Result>[]): Promise<Result> {
    const missing = check.credentials.flatMap((credential) => context.missing.get(credential) ?? []);
    if (missing[0] !== undefined) return { check, finding: skipped(missing[0]), ms: 0 };
    const closed = (await Promise.all(gates)).find(({ finding }) => isClosed(finding));
    if (closed) {
      const root = roots.get(closed.check.id) ?? closed.check;
      roots.set(check.id, root);
      const reason = root === closed.check && closed.finding.status === "skipped" ? "was skipped" : "failed";
      return { check, finding: skipped(`needs "${root.title}", which ${reason}`), ms: 0 };
    }
    return await slots.run(async () => {
      const start = Date.now();
      const finding = await withBudget(check, context, Math.min(check.budgetMs ?? CHECK_BUDGET_MS, end - start));
      return { check, finding, ms: Date.now() - start };
    });
  }
}

function isClosed({ status, closes }: Finding): boolean {
  return status === "error" || status === "skipped" || closes === true;
}

async function withBudget(check: Check, context: Context, budgetMs: number): Promise<Finding> {
  let timer: NodeJS.Timeout | undefined;
  const expected = "an answer in time";
  const late = new Promise<Finding>((resolve) => {
    const seconds = Math.max(0, budgetMs / 1000).toFixed(1);
    timer = setTimeout(() => resolve(error(`no result within ${seconds} s`, expected, RETRY)), Math.max(0, budgetMs));
  });
  try {
    return await Promise.race([check.run(context), late]);
  } catch (thrown) {
    return error(firstLine(thrown), "an answer that can be read", RETRY);
  } finally {
    clearTimeout(timer);
  }
}

const RETRY = "Check the network of this machine, then run the doctor again.";

/** An error's text is for a person; its stack is not. */
function firstLine(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return text.split("\n", 1)[0] || "an error without words";
}

function doubles(checks: readonly Check[]): readonly string[] {
  const ids = checks.map(({ id }) => id);
  return ids.filter((id, index) => ids.indexOf(id) !== index);
}

/** So many at a time, the others in the order of their coming. */
class Slots {
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(count: number) {
    this.#free = count;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    }
  }
}
