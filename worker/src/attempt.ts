import type { AskArrival } from "./arrivals";
import type { Clock } from "./clock";
import { outcomeOfEarlier } from "./earlier";
import type { Ledger } from "./ledger";
import { messageKey } from "./message";
import type { Fingerprint, Message } from "./message";
import { traceOf } from "./received";
import { asTransient, TransientError } from "./transient";

/** What delivery needs of home. Every method throws a {@link TransientError} when home does not answer as it should. */
export interface Home {
  /** The account of the first address that has one. */
  readonly find: (addresses: readonly string[]) => Promise<string | undefined>;
  /** Stores the message unchanged for {@link Home.import}; gives up when `signal` fires. */
  readonly upload: (message: Uint8Array, account: Promise<string | undefined>, signal: AbortSignal) => Promise<string>;
  /** The account's Inbox. */
  readonly inbox: (accountId: string) => Promise<string>;
  /** Files the message in that mailbox. An `uncertain` error: it may have happened. */
  readonly import: (order: ImportOrder) => Promise<ImportResult>;
  /** Whether an earlier copy has arrived. */
  readonly arrived: AskArrival;
  /** Forgets what was remembered of these addresses. True when something was, so that another attempt may go better. */
  readonly forget: (addresses: readonly string[]) => boolean;
}

export interface ImportOrder {
  readonly accountId: string;
  readonly mailboxId: string;
  readonly blobId: string;
  /** Milliseconds since the epoch. */
  readonly receivedAt: number;
}

/** `alreadyThere`: the server holds these bytes from an earlier attempt. `invalid`: it will never take them. */
export type ImportResult = "imported" | "alreadyThere" | "invalid";

/** Everything that one attempt works on and with. */
export interface Attempt {
  readonly message: Message;
  readonly print: Fingerprint;
  readonly addresses: readonly string[];
  /** The last of the addresses takes mail for every unknown one. */
  readonly hasCatchAll: boolean;
  readonly receivedAt: number;
  readonly home: Home;
  readonly ledger: Ledger;
  readonly clock: Clock;
  /** Told how long each step took, in milliseconds. */
  readonly timed: (step: string, milliseconds: number) => void;
}

/**
 * `delivered`: it is in the mailbox; `duplicate`: it was already. `refused`: no attempt will ever succeed. `busy`: another
 * attempt has the claim and may succeed. `failed`: not now.
 */
export type Outcome =
  | { readonly kind: "delivered"; readonly ledgerWritten: boolean }
  | { readonly kind: "duplicate" }
  | Refused
  | { readonly kind: "busy" }
  | { readonly kind: "failed"; readonly error: TransientError };

/** No attempt will ever succeed. */
export interface Refused {
  readonly kind: "refused";
  /** For the sender. */
  readonly reason: string;
  /** For the log, where the reason is the server's own text and may quote an address. */
  readonly logged?: string;
}

/** Carries one message home. Never throws. */
export async function attempt(given: Attempt): Promise<Outcome> {
  try {
    return await tryOnce(given);
  } catch (error) {
    const failure = asTransient(error);
    if (failure.trouble !== "stale" || !given.home.forget(given.addresses)) return { kind: "failed", error: failure };
  }
  try {
    return await tryOnce(given);
  } catch (error) {
    return { kind: "failed", error: asTransient(error) };
  }
}

async function tryOnce({ message, print, ...given }: Attempt): Promise<Outcome> {
  const { addresses, hasCatchAll, receivedAt, home, ledger, clock } = given;
  const unneeded = new AbortController();
  const finding = home.find(addresses);
  const uploading = measured("upload", home.upload(message.bytes, finding, unneeded.signal));
  // It may fail while something else is waited for.
  uploading.catch(() => undefined);
  try {
    const accountId = await measured("lookup", finding);
    if (accountId === undefined) {
      // The operator promised to take every address, so this is trouble at home and not the sender's mistake.
      if (hasCatchAll) throw new TransientError("the catch-all address has no account", "message");
      return { kind: "refused", reason: "550 5.1.1 There is no such mailbox here." };
    }
    // Both go on while the ledger is asked.
    const preparing = Promise.all([uploading, measured("inbox", home.inbox(accountId))]);
    preparing.catch(() => undefined);
    // By address as well, because a Worker that delivers by LMTP knows only that (see lmtp/attempt.ts). The account comes last,
    // because the last key decides. When a server names an account by its address, both keys are the same.
    const both = [await messageKey(addresses[0] ?? "", print), await messageKey(accountId, print)];
    const keys = [...new Set(both)];
    const claim = await measured("claim", ledger.claim(keys, { trace: traceOf(message), since: receivedAt }));
    if (claim.kind === "delivered") return { kind: "duplicate" };
    if (claim.kind === "busy") return { kind: "busy" };
    const earlier = await measured("arrivals", outcomeOfEarlier({ message, ...given }, keys, claim));
    if (earlier !== undefined) return earlier;
    let result: ImportResult;
    let isSent = false;
    try {
      const [blobId, mailboxId] = await preparing;
      isSent = true;
      result = await measured("import", home.import({ accountId, mailboxId, blobId, receivedAt }));
    } catch (error) {
      // A claim on what may have happened stays until it ends by itself: an import may still be going on at home.
      if (!isSent || !asTransient(error).uncertain) await ledger.release(claim);
      throw error;
    }
    if (result === "invalid") {
      await ledger.release(claim);
      return { kind: "refused", reason: "554 5.6.0 The message is not a valid Internet message (RFC 5322)." };
    }
    // Only after the import: a marker without a message would be a message lost.
    return { kind: "delivered", ledgerWritten: await measured("complete", ledger.complete(keys, claim)) };
  } finally {
    unneeded.abort();
  }

  async function measured<T>(step: string, promise: Promise<T>): Promise<T> {
    const started = clock.now();
    try {
      return await promise;
    } finally {
      given.timed(step, clock.now() - started);
    }
  }
}
