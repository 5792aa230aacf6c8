import type { AskArrival } from "../arrivals";
import { attempt } from "../attempt";
import type { Home, Outcome } from "../attempt";
import { LEDGER_MS } from "../budgets";
import type { Clock } from "../clock";
import { outcomeOfEarlier } from "../earlier";
import { NO_KNOWN_IDS } from "../known-ids";
import type { Way } from "../known-ids";
import type { Ledger } from "../ledger";
import { messageKey } from "../message";
import type { Fingerprint, Message } from "../message";
import { namesOf } from "../message-id";
import { traceOf } from "../received";
import { asTransient, TransientError } from "../transient";
import { withoutForgedResults } from "./authentication-results";
import { openLmtp } from "./client";
import type { LmtpOutcome, LmtpSession, LmtpSettings } from "./client";
import type { ByteStream } from "./stream";

/** The other services at home. */
export interface Beside {
  /** The mailboxes, for messages that the listener would drop. */
  readonly mailboxes: Home;
  /** Whether an earlier copy has arrived. */
  readonly arrived: AskArrival;
}

/** Home's LMTP listener. */
export interface LmtpHome extends Beside {
  /** When the attempt must have ended, in milliseconds since the epoch. */
  readonly until: number;
  /** A server that is ready for one message. Throws a {@link TransientError}. */
  readonly open: () => Promise<LmtpSession>;
  /** Whether home answers at all, whatever it says about a message. */
  readonly answers: () => Promise<boolean>;
}

/** Everything that one attempt works on and with. */
export interface LmtpAttempt {
  readonly message: Message;
  readonly print: Fingerprint;
  /** Envelope sender; empty for the null reverse-path. */
  readonly from: string;
  /** The recipient first; then what else the Worker may try when the server does not know it. */
  readonly addresses: readonly string[];
  /** The last of the addresses takes mail for every unknown one. */
  readonly hasCatchAll: boolean;
  /** When the edge received it, in milliseconds since the epoch. */
  readonly receivedAt: number;
  readonly home: LmtpHome;
  readonly ledger: Ledger;
  readonly clock: Clock;
  /** Told how long each step took, in milliseconds. */
  readonly timed: (step: string, milliseconds: number) => void;
}

/**
 * Home for one message: its time budget starts now.
 * @param connect opens a connection within so many milliseconds
 */
export function createLmtpHome(
  connect: (connectMs: number) => Promise<ByteStream>,
  settings: Omit<LmtpSettings, "until">,
  beside: Beside,
): LmtpHome {
  const { budgets, clock } = settings;
  const until = clock.now() + budgets.totalMs;
  const open = async () => {
    const stream = await connect(Math.min(budgets.connectMs, until - clock.now()));
    return await openLmtp(stream, { ...settings, until });
  };
  const answers = async () => {
    try {
      await (await open()).close();
      return true;
    } catch {
      return false;
    }
  };
  return { ...beside, until, open, answers };
}

/**
 * Carries one message home over LMTP. Never throws. The ledger's key is of the recipient's address, because LMTP does not
 * say whose account that is: one message to two addresses of one account is two orders, and the server's own duplicate
 * suppression, where it has one, makes one mail of them. A Worker that delivers by JMAP has that key too, so that either way
 * knows what the other one delivered.
 */
export async function attemptByLmtp(given: LmtpAttempt): Promise<Outcome> {
  try {
    return await tryOnce(given);
  } catch (error) {
    return { kind: "failed", error: asTransient(error) };
  }
}

async function tryOnce(given: LmtpAttempt): Promise<Outcome> {
  const { addresses, message, print, receivedAt, home, ledger } = given;
  const opening = measured(given, "connect", home.open());
  // It may fail while the ledger is asked.
  opening.catch(() => undefined);
  const choosing = wayOf(given).catch(asTransient);
  const keys = [await messageKey(addresses[0] ?? "", print)];
  const claim = await measured(given, "claim", ledger.claim(keys, { trace: traceOf(message), since: receivedAt }));
  const close = () =>
    opening.then(
      (session) => session.close(),
      () => undefined,
    );
  if (claim.kind === "delivered" || claim.kind === "busy") {
    await close();
    return { kind: claim.kind === "busy" ? "busy" : "duplicate" };
  }
  const earlier = await measured(given, "arrivals", outcomeOfEarlier(given, keys, claim));
  const way = await measured(given, "way", choosing);
  if (earlier !== undefined || way !== "direct") await close();
  if (earlier !== undefined) return earlier;
  if (way !== "direct") {
    await ledger.release(claim);
    if (way === "import") return await importPast(given);
    return { kind: "failed", error: way === "wait" ? ON_ITS_WAY : way };
  }
  const outcome = await sendTo(given, opening);
  if (outcome.kind === "delivered") {
    // Only after the server has answered for it: a marker without a message would be a message lost.
    return { kind: "delivered", ledgerWritten: await measured(given, "complete", ledger.complete(keys, claim)) };
  }
  // A claim on what may have happened stays until it ends by itself: until then nobody sends it again.
  if (outcome.kind === "refused" || !outcome.error.uncertain) await ledger.release(claim);
  return outcome;
}

const ON_ITS_WAY = new TransientError("lmtp: another message with this Message-ID is on its way", "message");
/** For the question whose mail it is; the connection to the listener is opened meanwhile. */
const LOOKUP_MS = 4_000;

/**
 * Stalwart drops a message that it takes for one which the account has, going by ids alone ({@link namesOf}).
 * @throws TransientError when home does not say whose mail it is: the message could be dropped then.
 */
async function wayOf({ addresses, message, print, home, ledger, clock }: LmtpAttempt): Promise<Way> {
  const names = ledger.ids === NO_KNOWN_IDS ? [] : namesOf(message);
  if (names.length === 0) return "direct";
  const { mailboxes } = home;
  const find = async () => await mailboxes.find(addresses);
  const finding = find().catch(async (error: unknown) => {
    // The remembered facts about home may be wrong.
    if (mailboxes.forget(addresses)) return await find();
    throw error;
  });
  // Two addresses of one account share its mail.
  const owner = (await clock.within(LOOKUP_MS, "lookup", finding)) ?? addresses[0] ?? "";
  const ways = await Promise.all(names.map((name) => ledger.ids.wayOf(name, owner, print.content)));
  return (["wait", "import"] as const).find((way) => ways.includes(way)) ?? "direct";
}

/** Bypasses the server's delivery, which would drop the message: it skips the filters but reaches the mailbox. */
async function importPast(given: LmtpAttempt): Promise<Outcome> {
  // Leaves time for the claim and its release.
  if (given.clock.now() > given.home.until - 2 * LEDGER_MS)
    return { kind: "failed", error: new TransientError("lmtp: no time left for an import") };
  return await attempt({ ...given, home: given.home.mailboxes });
}

const ORIGINAL_TO = "X-Original-To:";

/**
 * The message without `Return-Path` and `Delivered-To` in front, which the server that makes the final delivery writes itself
 * (RFC 5321 §4.4); it takes an existing `Delivered-To` for a mail loop. `X-Original-To` and `Received` stay. Forged
 * fields are looked for below them: only fields that Email Routing writes may be above its own verdict.
 */
export function bytesForLmtp({ bytes, start }: Message): Uint8Array {
  const head = new TextDecoder("latin1").decode(bytes.subarray(0, start));
  const field = head.lastIndexOf(`\n${ORIGINAL_TO}`) + 1;
  const front = bytes.subarray(head.startsWith(ORIGINAL_TO, field) ? field : start, start);
  const received = bytes.subarray(start);
  const clean = withoutForgedResults(received);
  if (clean === received) return bytes.subarray(start - front.byteLength);
  const joined = new Uint8Array(front.byteLength + clean.byteLength);
  joined.set(front);
  joined.set(clean, front.byteLength);
  return joined;
}

type Unsuccessful = Exclude<LmtpOutcome, { readonly kind: "delivered" }>;

/** One address after the other, each on a connection of its own, until the server knows one. Never throws. */
async function sendTo(
  { message, from, addresses, hasCatchAll, home, ...given }: LmtpAttempt,
  first: Promise<LmtpSession>,
): Promise<{ readonly kind: "delivered" } | Unsuccessful> {
  const bytes = bytesForLmtp(message);
  let outcome: LmtpOutcome = { kind: "failed", error: new TransientError("lmtp: no address", "message") };
  for (const [index, to] of addresses.entries()) {
    let session: LmtpSession;
    try {
      session = await (index === 0 ? first : measured(given, "connect", home.open()));
    } catch (error) {
      return { kind: "failed", error: asTransient(error) };
    }
    outcome = await measured(given, "deliver", session.deliver({ from, to, message: bytes }));
    await session.close();
    if (outcome.kind !== "refused" || !outcome.isUnknownRecipient) return outcome;
  }
  // The operator promised to take every address, so this is trouble at home and not the sender's mistake.
  if (hasCatchAll)
    return { kind: "failed", error: new TransientError("the catch-all address has no mailbox", "message") };
  return outcome;
}

async function measured<T>(
  { clock, timed }: Pick<LmtpAttempt, "clock" | "timed">,
  step: string,
  promise: Promise<T>,
): Promise<T> {
  const started = clock.now();
  try {
    return await promise;
  } finally {
    timed(step, clock.now() - started);
  }
}
