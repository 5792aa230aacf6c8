import { BEGUN_PREFIX, DEAD_DAYS, DEAD_PREFIX, RETRY_PREFIX } from "../../worker/src/spool";

/**
 * When spooled mail is tried again. Every minute: a run brings some 100 messages home, so a backlog of thousands is gone
 * within the hour. An empty spool costs three listings a run, 130,000 of the million operations that R2's free plan allows
 * a month.
 */
export const SPOOL_SCHEDULE = "* * * * *";

/** How long deliveries are remembered. */
const LEDGER_PREFIX = "ledger/";

/** Which Message-IDs came by LMTP. A program that writes one id into all its mail may write once a year. */
const IDS_PREFIX = "ids/";
const IDS_DAYS = 400;

/** Longer than any message waits, so that an object which is still there no longer has a message. */
const LITTER_DAYS = 30;

/** The objects that the bucket deletes by itself. */
export interface Expiry {
  readonly id: string;
  readonly prefix: string;
  readonly days: number;
}

/** Everything but `spool/`: no rule may apply to mail that waits. */
export function expiries(ledgerDays: number): readonly Expiry[] {
  return [
    { id: "forget deliveries", prefix: LEDGER_PREFIX, days: ledgerDays },
    { id: "forget message ids", prefix: IDS_PREFIX, days: IDS_DAYS },
    { id: "delete what nobody put back", prefix: DEAD_PREFIX, days: DEAD_DAYS },
    { id: "delete pauses without a message", prefix: RETRY_PREFIX, days: LITTER_DAYS },
    { id: "delete marks without a message", prefix: BEGUN_PREFIX, days: LITTER_DAYS },
  ];
}
