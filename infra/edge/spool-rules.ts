import { BEGUN_PREFIX, DEAD_DAYS, DEAD_PREFIX, RETRY_PREFIX } from "../../worker/src/spool";

/**
 * When spooled mail is tried again. Every minute: a run brings some 100 messages home, so a backlog of thousands is gone
 * within the hour. An empty spool costs three listings a run, 130,000 of the million operations that R2's free plan allows
 * a month.
 */
export const SPOOL_SCHEDULE = "* * * * *";

/** Of what is remembered of deliveries. */
export const LEDGER_PREFIX = "ledger/";

/** Longer than any message waits: what is still there then has lost its message. */
const LITTER_DAYS = 30;

/** What the bucket deletes by itself. */
export interface Expiry {
  readonly id: string;
  readonly prefix: string;
  readonly days: number;
}

/** Everything but `spool/`: no rule may apply to mail that waits. */
export function expiries(ledgerDays: number): readonly Expiry[] {
  return [
    { id: "forget deliveries", prefix: LEDGER_PREFIX, days: ledgerDays },
    { id: "delete what nobody put back", prefix: DEAD_PREFIX, days: DEAD_DAYS },
    { id: "delete pauses without a message", prefix: RETRY_PREFIX, days: LITTER_DAYS },
    { id: "delete marks without a message", prefix: BEGUN_PREFIX, days: LITTER_DAYS },
  ];
}
