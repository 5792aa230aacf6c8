import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "./fault";
import type { Http } from "./http";

const POLL_MS = 500;
const POLL_BUDGET_MS = 5_000;

/** Waits until Stalwart says it is ready. Throws a `Fault` when it does not within the time. */
export async function waitUntilReady(http: Http, budgetMs: number): Promise<void> {
  const end = Date.now() + budgetMs;
  let last = "no answer";
  while (Date.now() < end) {
    const budget = Math.max(1, Math.min(POLL_BUDGET_MS, end - Date.now()));
    last = await http("/healthz/ready", { budgetMs: budget }).then(({ status }) => `HTTP ${status}`, factOf);
    if (last === "HTTP 200") return;
    await sleep(POLL_MS);
  }
  throw new Fault(
    `Stalwart is not ready after ${budgetMs / 1_000} s: ${last}`,
    "Nothing was configured.",
    "Look at its log: docker compose -p mail-stack logs --tail 50 stalwart",
  );
}

function factOf(error: unknown): string {
  if (error instanceof Fault) return error.fact;
  throw error;
}
