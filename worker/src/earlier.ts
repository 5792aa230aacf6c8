import type { Arrival, AskArrival } from "./arrivals";
import type { Outcome } from "./attempt";
import type { Clock } from "./clock";
import type { Claim, Ledger } from "./ledger";
import type { Message } from "./message";
import { traceOf } from "./received";
import { TransientError } from "./transient";

/** As home takes them in one question. */
const MAX_TRACES = 4;

/** How long "later" is believed, counted from the attempt that was never confirmed. After that the message is sent again, and at worst arrives twice. */
const MAX_LATER_MS = 24 * 3_600_000;

export interface EarlierAttempt {
  readonly message: Message;
  readonly addresses: readonly string[];
  readonly receivedAt: number;
  readonly home: { readonly arrived: AskArrival };
  readonly ledger: Ledger;
  readonly clock: Clock;
}

/**
 * Asks home about a message that another attempt may have delivered without getting the answer. Returns the outcome when nothing
 * must be sent now, and undefined when the message must be sent.
 */
export async function outcomeOfEarlier(
  { message, addresses, receivedAt, home, ledger, clock }: EarlierAttempt,
  keys: readonly string[],
  claim: Claim,
): Promise<Outcome | undefined> {
  if (claim.kind !== "mine" || claim.earlier === undefined) return undefined;
  const { traces, since, tried } = claim.earlier;
  const own = traceOf(message);
  const asked = [...new Set(own === undefined ? traces : [own, ...traces])].slice(0, MAX_TRACES);
  const now = clock.now();
  const first = Math.min(since, receivedAt);
  const arrival: Arrival = await home.arrived({ addresses, traces: asked, since: first, askedAt: now });
  if (arrival === "yes") {
    await ledger.complete(keys, claim);
    return { kind: "duplicate" };
  }
  if (arrival !== "later" || Math.abs(now - tried) > MAX_LATER_MS) return undefined;
  await ledger.release(claim);
  return { kind: "failed", error: new TransientError("arrivals: it may be on its way inside home", "message") };
}
