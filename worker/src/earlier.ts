import type { Arrival, AskArrival } from "./arrivals";
import type { Outcome } from "./attempt";
import type { Clock } from "./clock";
import type { Claim, Ledger } from "./ledger";
import type { Message } from "./message";
import { traceOf } from "./received";
import { TransientError } from "./transient";

/** As home takes them in one question. */
const MAX_TRACES = 4;

/** How long "later" is believed, from the attempt on that was not heard of again: then the message is sent again, and at worst is there twice. */
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
 * Before a message is sent that another attempt may have brought home without hearing of it: asks home. The outcome when
 * nothing must be sent now; undefined: send it.
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
