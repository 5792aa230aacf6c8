/**
 * When spooled mail is tried again. Every minute: a run brings some 140 messages home, so a backlog of thousands is gone
 * within the hour. An empty spool costs two listings a run, a tenth of what R2's free plan allows a month.
 */
export const SPOOL_SCHEDULE = "* * * * *";

/** The prefix of what the Worker may forget; messages lie under `spool/` and `dead/`, to which no rule may apply. */
export const LEDGER_PREFIX = "ledger/";
