/** Limits of one conversation with home. */
export interface Budgets {
  /** For one request and its whole answer. */
  readonly callMs: number;
  /** For the request that carries the message. */
  readonly uploadMs: number;
  /** For all requests of one message together. */
  readonly totalMs: number;
  /** For the question whether an earlier copy has arrived. */
  readonly askMs: number;
  readonly answerBytes: number;
}

const ANSWER_BYTES = 1024 * 1024;

/** An event must have ended by then: Email Routing has been seen to give up at 30 s and to call 50 s permanent. */
export const EVENT_MS = 20_000;

/** Home's share of an event; reading the message from the edge is part of it. */
export const HOME_MS = 11_000;

/** For one question to the ledger, however many operations it takes: the claim, and then its release or its completion. */
export const LEDGER_MS = 1_500;

/** For putting the message into the spool. */
export const SPOOL_MS = 5_000;

/**
 * The longest an event can take: a claim that was begun in home's last moment, its release and the spool follow one
 * another.
 */
export const LONGEST_EVENT_MS = HOME_MS + 2 * LEDGER_MS + SPOOL_MS;

export const BUDGETS: Budgets = {
  callMs: 5_000,
  uploadMs: 10_000,
  totalMs: HOME_MS,
  askMs: 4_000,
  answerBytes: ANSWER_BYTES,
};

/** Nobody waits for the drain, so 25 MiB over a line of 2 Mbit/s have their chance there. */
export const DRAIN_BUDGETS: Budgets = {
  callMs: 8_000,
  uploadMs: 110_000,
  totalMs: 130_000,
  askMs: 8_000,
  answerBytes: ANSWER_BYTES,
};

/**
 * A run of the drain begins no further message after that: the clock strikes every minute, and what was begun needs some
 * seconds. A large message over a slow line takes longer; a next run that begins meanwhile does no harm, because each
 * message has its claim.
 */
export const DRAIN_MS = 40_000;

/** Messages on their way at the same time. Stalwart takes four requests of one key at once, and new mail needs some. */
export const DRAIN_LANES = 2;

/** What they may weigh together. A single one may weigh more, and then has the Worker's 128 MiB for itself. */
export const DRAIN_LANES_BYTES = 16 * 1024 * 1024;

/** The most messages tried in one run; a run ends before it has delivered so many. */
export const MOST_DUE = 200;

/** After this many operations a run stops looking at the spool, before it begins any message. */
export const MAX_LISTINGS = 40;

/**
 * Requests and operations together in one run. The free plan allows 1,000 operations, the paid plan ten times as many of
 * both, and 1,000 before February 2026. A run that was cut off in the middle of a message could deliver it twice, so what
 * every plan allows has to do.
 */
export const MOST_USAGE = 1_000;

/** The most that one message needs of that. A usual one needs ten. */
export const MESSAGE_USAGE = 30;

/** One R2 operation of the drain. */
export const BUCKET_MS = 10_000;

/** Longer than any attempt may last, or two could import at once. */
export const CLAIM_MS = 180_000;
