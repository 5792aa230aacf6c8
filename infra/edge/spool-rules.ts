/**
 * When spooled mail is tried again. Every minute: a run brings some 140 messages home, so a backlog of thousands is gone
 * within the hour. An empty spool costs two listings a run, a tenth of what R2's free plan allows a month.
 */
export const SPOOL_SCHEDULE = "* * * * *";

/** Prefixes of what the Worker may forget; messages lie under `spool/` and `dead/`, to which no rule may apply. */
export const LEDGER_PREFIX = "ledger/";
/** Which Message-IDs came by LMTP. A program that writes one id into all its mail may write once a year. */
export const IDS_PREFIX = "ids/";
export const IDS_DAYS = 400;
