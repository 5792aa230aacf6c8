import { candidates } from "./address";
import type { Refused } from "./attempt";
import { HOME_MS, SPOOL_MS } from "./budgets";
import { carry } from "./carry";
import type { AnyHome } from "./carry";
import type { Clock } from "./clock";
import type { SpoolBucket } from "./env";
import type { Ledger } from "./ledger";
import { deliveryHeaders, fingerprint, MAX_MESSAGE_BYTES, shortKey } from "./message";
import { readMessage } from "./read";
import { newTrace } from "./received";
import { putSpooled } from "./spool";
import { TransientError } from "./transient";

/** A message as the edge received it. */
export interface Incoming {
  /** Envelope sender; empty for bounces (RFC 5321 §4.5.5). */
  readonly from: string;
  /** Envelope recipient: one per call. */
  readonly to: string;
  readonly rawSize: number;
  /** It can be read once. */
  readonly raw: ReadableStream<Uint8Array>;
}

/** Whose mail is taken. */
export interface Recipients {
  /** Lower case. */
  readonly mailDomain: string;
  readonly catchAll: string | undefined;
}

/** The outside world of one delivery. */
export interface Surroundings {
  readonly home: AnyHome;
  readonly ledger: Ledger;
  /** Absent: what home does not take stays with the sender. */
  readonly bucket: SpoolBucket | undefined;
  readonly clock: Clock;
}

/** All but `refused` accept the message; `reason` says why home does not have it yet. */
export type Decision =
  | { readonly kind: "delivered"; readonly ledgerWritten: boolean }
  | { readonly kind: "duplicate" }
  | { readonly kind: "spooled"; readonly reason: string }
  | Refused;

/** Filled in while a message is on its way, for the log. */
export interface Progress {
  key: string | undefined;
  /** Milliseconds per step. */
  readonly steps: Record<string, number>;
}

/**
 * Takes one message: brings it home, or keeps it in the spool. Only what is permanently true is a refusal. Throws when it
 * could do neither, and the sender still has it then.
 */
export async function deliver(
  incoming: Incoming,
  recipients: Recipients,
  { home, ledger, bucket, clock }: Surroundings,
  progress: Progress,
): Promise<Decision> {
  const { from, to, rawSize } = incoming;
  const { mailDomain, catchAll } = recipients;
  if (rawSize > MAX_MESSAGE_BYTES) return refused("552 5.3.4 The message is larger than 25 MiB.");
  const addresses = candidates(to, mailDomain, catchAll);
  if (addresses === undefined) return refused("550 5.1.2 This server does not receive mail for that domain.");

  const receivedAt = clock.now();
  const timed = (step: string, milliseconds: number) => void (progress.steps[step] = milliseconds);
  const front = deliveryHeaders(from, to, { by: mailDomain, trace: newTrace(), receivedAt });
  const reading = readMessage(front, incoming.raw, rawSize);
  const message = await clock.within(HOME_MS, "read", reading);
  timed("read", clock.now() - receivedAt);
  const print = await fingerprint(message);
  progress.key = shortKey(print);

  const hasCatchAll = catchAll !== undefined;
  const outcome = await carry(home, { message, print, from, addresses, hasCatchAll, receivedAt, ledger, clock, timed });
  if (outcome.kind !== "failed" && outcome.kind !== "busy") return outcome;

  const failure =
    outcome.kind === "failed" ? outcome.error : new TransientError("another attempt has the message", "message");
  if (bucket === undefined) throw failure;
  const began = clock.now();
  try {
    const entry = { from, to, receivedAt, start: message.start };
    await clock.within(SPOOL_MS, "spool", putSpooled(bucket, message.bytes, entry));
  } catch (error) {
    const second = error instanceof TransientError ? error.message : "spool: not stored";
    throw new TransientError(`${failure.message}; ${second}`);
  } finally {
    timed("spool", clock.now() - began);
  }
  return { kind: "spooled", reason: failure.message };
}

function refused(reason: string): Decision {
  return { kind: "refused", reason };
}
