import { candidates } from "./address";
import { TransientError } from "./transient";

/** The largest message Email Routing hands to a Worker. */
export const MAX_MESSAGE_BYTES = 25 * 1024 * 1024;

/** A message as the edge received it. */
export interface Incoming {
  /** Envelope sender; empty for bounces (RFC 5321 §4.5.5). */
  readonly from: string;
  /** Envelope recipient: one per call. */
  readonly to: string;
  readonly rawSize: number;
  /** Reads the body. It can be read once. */
  readonly read: () => Promise<ArrayBuffer>;
}

/** Only what is permanently true is a refusal. Whatever may mend itself, or be mended, is thrown: the sender retries. */
export type Decision = { readonly kind: "delivered" } | { readonly kind: "refused"; readonly reason: string };

/** What delivery needs of home. Every method throws when home does not answer as it should. */
export interface Mailbox {
  /** The account of the first address that has one. */
  readonly find: (addresses: readonly string[]) => Promise<Account | undefined>;
  /** Stores the message unchanged for {@link Mailbox.import}. */
  readonly upload: (message: ArrayBuffer, account: Account) => Promise<UploadedBlob>;
  /** Files the message in the account's Inbox. */
  readonly import: (blob: UploadedBlob, account: Account) => Promise<ImportResult>;
}

export interface Account {
  readonly id: string;
}

export interface UploadedBlob {
  readonly blobId: string;
}

/** `alreadyThere`: the server holds these bytes from an earlier attempt. `invalid`: it will never take them. */
export type ImportResult = "imported" | "alreadyThere" | "invalid";

export interface Recipients {
  readonly mailDomain: string;
  readonly catchAll: string | undefined;
}

/** Carries one message home. */
export async function deliver(incoming: Incoming, recipients: Recipients, mailbox: Mailbox): Promise<Decision> {
  const { mailDomain, catchAll } = recipients;
  if (incoming.rawSize > MAX_MESSAGE_BYTES) return refused("552 5.3.4 The message is larger than 25 MiB.");
  const addresses = candidates(incoming.to, mailDomain, catchAll);
  if (addresses === undefined) return refused("550 5.1.2 This server does not receive mail for that domain.");

  const account = await mailbox.find(addresses);
  if (account === undefined) {
    // The operator promised to take every address, so this is trouble at home and not the sender's mistake.
    if (catchAll !== undefined) throw new TransientError("the catch-all address has no account");
    return refused("550 5.1.1 There is no such mailbox here.");
  }

  const message = await incoming.read();
  if (message.byteLength !== incoming.rawSize)
    throw new TransientError("the message was cut short before it reached the Worker");
  const blob = await mailbox.upload(message, account);
  const result = await mailbox.import(blob, account);
  return result === "invalid"
    ? refused("554 5.6.0 The message is not a valid Internet message (RFC 5322).")
    : { kind: "delivered" };
}

function refused(reason: string): Decision {
  return { kind: "refused", reason };
}
