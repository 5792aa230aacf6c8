import { candidates } from "./address";
import { attempt } from "./attempt";
import type { Home, Outcome } from "./attempt";
import { BUCKET_MS, DRAIN_MESSAGES, DRAIN_MS } from "./budgets";
import type { Clock } from "./clock";
import type { Recipients } from "./deliver";
import type { SpoolBucket, SpoolObject, SpoolPage } from "./env";
import { envelopeInFront } from "./envelope";
import { isObject } from "./http";
import type { Ledger } from "./ledger";
import { fingerprint } from "./message";
import { DEAD_PREFIX, deadMetadata, fromMetadata, nameOf, RETRY_PREFIX, retryKey, SPOOL_PREFIX } from "./spool";
import type { SpoolEntry } from "./spool";
import { asTransient } from "./transient";

/** Home for one message of the drain. */
export interface DrainHome extends Home {
  /** Whether home answers at all, whatever it says about a message. */
  readonly answers: () => Promise<boolean>;
}

/** What one run found and did. */
export interface DrainReport {
  /** Messages that are in the spool at the end of the run, and their size. */
  waiting: number;
  bytes: number;
  /** Age of the oldest of them, in seconds. */
  oldestSeconds: number;
  delivered: number;
  /** Copies of messages that were in the mailbox already. */
  duplicates: number;
  /** Set aside for good. */
  dead: number;
  failed: number;
  /** Why the run ended before its time. */
  stopped: "home" | "spool" | undefined;
}

/** The outside world of one run. */
export interface DrainSurroundings {
  readonly bucket: SpoolBucket;
  readonly ledger: Ledger;
  readonly clock: Clock;
  /** Called for each message, whose time budget starts then. */
  readonly home: () => DrainHome;
}

/** First and longest pause of a message that failed alone, in milliseconds. */
const FIRST_PAUSE_MS = 60_000;
const LONGEST_PAUSE_MS = 6 * 3_600_000;

/** When a message that failed `attempts` times may be tried again. */
export function pauseMs(attempts: number): number {
  return Math.min(FIRST_PAUSE_MS * 2 ** Math.min(Math.max(attempts - 1, 0), 30), LONGEST_PAUSE_MS);
}

/** How a message ended its turn. `home`: nobody's would have gone well. */
type Turn = "delivered" | "duplicate" | "dead" | "later" | "failed" | "home" | "spool";

/**
 * Brings spooled messages home, oldest first, as many as fit into one run. A message leaves the spool only when it is in
 * the mailbox, or lies under `dead/`.
 */
export async function drain(recipients: Recipients, surroundings: DrainSurroundings): Promise<DrainReport> {
  const { bucket, clock } = surroundings;
  const report: DrainReport = {
    waiting: 0,
    bytes: 0,
    oldestSeconds: 0,
    delivered: 0,
    duplicates: 0,
    dead: 0,
    failed: 0,
    stopped: undefined,
  };
  const started = clock.now();
  let tried = 0;
  const pauses = await readPauses(bucket, clock);
  for await (const object of listed(bucket, SPOOL_PREFIX, clock)) {
    const name = nameOf(object.key);
    const isTurn =
      report.stopped === undefined &&
      tried < DRAIN_MESSAGES &&
      clock.now() - started < DRAIN_MS &&
      (pauses.get(name) ?? 0) <= clock.now();
    if (isTurn) {
      tried++;
      const turn = await takeTurn(object, recipients, surroundings).catch((error: unknown) =>
        stepBack(object, error, surroundings),
      );
      if (countTurn(report, turn)) continue;
    }
    report.waiting++;
    report.bytes += object.size;
    const at = fromMetadata(object)?.receivedAt;
    if (at !== undefined) report.oldestSeconds = Math.max(report.oldestSeconds, Math.floor((clock.now() - at) / 1_000));
  }
  return report;
}

/** True when the message left the spool. */
function countTurn(report: DrainReport, turn: Turn): boolean {
  if (turn === "delivered") report.delivered++;
  else if (turn === "duplicate") report.duplicates++;
  else if (turn === "dead") report.dead++;
  else if (turn !== "later") report.failed++;
  if (turn === "home" || turn === "spool") report.stopped = turn;
  return turn === "delivered" || turn === "duplicate" || turn === "dead";
}

/** Throws when R2 fails, and the message is still in the spool then. */
async function takeTurn(object: SpoolObject, recipients: Recipients, surroundings: DrainSurroundings): Promise<Turn> {
  const { bucket, clock } = surroundings;
  const { key } = object;
  const stored = await clock.within(BUCKET_MS, "spool", bucket.get(key));
  // An overlapping run was quicker.
  if (stored === null) return "later";
  const bytes = new Uint8Array(await clock.within(BUCKET_MS, "spool", stored.arrayBuffer()));
  const entry = fromMetadata(stored) ?? envelopeInFront(bytes, nameOf(key));
  if (entry === undefined) return await setAside(stored, bytes, "the object has no envelope", surroundings);

  const home = surroundings.home();
  const outcome = await carry(bytes, entry, recipients, home, surroundings);
  switch (outcome.kind) {
    case "delivered":
    case "duplicate":
      await remove(bucket, clock, key);
      return outcome.kind;
    case "refused":
      return await setAside(stored, bytes, outcome.reason, surroundings);
    case "busy":
      return "later";
    case "failed": {
      const { trouble, message } = outcome.error;
      // Only a failure that home survives is the message's own: it then steps back, and others have their turn.
      // Asked with a time budget of its own, because a large message over a slow line may have used up this one.
      if (trouble !== "message" && !(await surroundings.home().answers())) return "home";
      await writePause(bucket, clock, nameOf(key), message);
      return "failed";
    }
  }
}

/** One object that cannot be read must not hold up the others; a bucket that takes nothing ends the run. */
async function stepBack({ key }: SpoolObject, error: unknown, { bucket, clock }: DrainSurroundings): Promise<Turn> {
  return await writePause(bucket, clock, nameOf(key), asTransient(error).message).then(
    () => "failed",
    () => "spool",
  );
}

async function carry(
  bytes: Uint8Array,
  { to, receivedAt, start }: SpoolEntry,
  { mailDomain, catchAll }: Recipients,
  home: Home,
  { ledger, clock }: DrainSurroundings,
): Promise<Outcome> {
  const addresses = candidates(to, mailDomain, catchAll);
  if (addresses === undefined)
    return { kind: "refused", reason: "550 5.1.2 This server does not receive mail for that domain." };
  const message = { bytes, start };
  const print = await fingerprint(message);
  const hasCatchAll = catchAll !== undefined;
  const timed = () => undefined;
  return await attempt({ message, print, addresses, hasCatchAll, receivedAt, home, ledger, clock, timed });
}

/** The copy first: whatever fails after it leaves one copy too many, and never none. */
async function setAside(
  { key, customMetadata = {} }: SpoolObject,
  bytes: Uint8Array,
  reason: string,
  { bucket, clock }: DrainSurroundings,
): Promise<Turn> {
  const put = bucket.put(`${DEAD_PREFIX}${nameOf(key)}`, bytes, {
    customMetadata: deadMetadata(customMetadata, reason, clock.now()),
    httpMetadata: { contentType: "message/rfc822" },
  });
  if ((await clock.within(BUCKET_MS, "spool", put)) === null) return "spool";
  await remove(bucket, clock, key);
  return "dead";
}

/** The sidecar last: without its message it is only litter. */
async function remove(bucket: SpoolBucket, clock: Clock, key: string): Promise<void> {
  await clock.within(BUCKET_MS, "spool", bucket.delete(key));
  await clock.within(BUCKET_MS, "spool", bucket.delete(retryKey(nameOf(key)))).catch(() => undefined);
}

/** Beside the message, whose body is never written again. */
async function writePause(bucket: SpoolBucket, clock: Clock, name: string, reason: string): Promise<void> {
  const key = retryKey(name);
  const present = await clock.within(BUCKET_MS, "spool", bucket.get(key));
  const attempts = 1 + (present === null ? 0 : attemptsIn(await present.text()));
  const next = new Date(clock.now() + pauseMs(attempts)).toISOString();
  const put = bucket.put(key, JSON.stringify({ attempts, next, reason }), { customMetadata: { next } });
  await clock.within(BUCKET_MS, "spool", put);
}

function attemptsIn(text: string): number {
  try {
    const value: unknown = JSON.parse(text);
    const attempts = isObject(value) ? value["attempts"] : undefined;
    return typeof attempts === "number" && attempts > 0 ? attempts : 0;
  } catch {
    return 0;
  }
}

/** Name of each message that must wait -> until when, in milliseconds since the epoch. */
async function readPauses(bucket: SpoolBucket, clock: Clock): Promise<ReadonlyMap<string, number>> {
  const pauses = new Map<string, number>();
  for await (const { key, customMetadata } of listed(bucket, RETRY_PREFIX, clock)) {
    const next = Date.parse(customMetadata?.["next"] ?? "");
    if (next > clock.now()) pauses.set(nameOf(key).replace(/\.json$/, ""), next);
  }
  return pauses;
}

/** Oldest first, one page at a time. */
async function* listed(bucket: SpoolBucket, prefix: string, clock: Clock): AsyncGenerator<SpoolObject> {
  let cursor: string | undefined;
  do {
    const listing = bucket.list({ prefix, include: ["customMetadata"], ...(cursor === undefined ? {} : { cursor }) });
    const page: SpoolPage = await clock.within(BUCKET_MS, "spool", listing);
    yield* page.objects;
    cursor = page.truncated ? page.cursor : undefined;
  } while (cursor !== undefined);
}
