import type { Clock } from "../clock";
import { TransientError } from "../transient";
import type { LmtpBudgets } from "./budgets";
import { capabilitiesIn } from "./capabilities";
import type { Capabilities } from "./capabilities";
import { Conversation } from "./conversation";
import { dotStuffed } from "./dot-stuffing";
import { isInternational, isMailbox } from "./path";
import type { ByteStream } from "./stream";
import type { Refusal, Verdict } from "./verdict";

/** One message for one recipient. */
export interface LmtpOrder {
  /** Envelope sender; empty for the null reverse-path (RFC 5321 §4.5.5). */
  readonly from: string;
  readonly to: string;
  /** Sent as it is wherever CHUNKING is offered. */
  readonly message: Uint8Array;
}

export interface LmtpSettings {
  /** What the client calls itself in LHLO: a host name. */
  readonly name: string;
  readonly budgets: LmtpBudgets;
  readonly clock: Clock;
  /**
   * BDAT goes out before RCPT and the chunk before it are answered: one flight less. Only for servers that are known to
   * read the octets of a BDAT that they refuse (RFC 3030 §2). maddy 0.8 does not: it takes them for commands, and a message
   * to an unknown recipient could then send mail of its own.
   */
  readonly pipelinesBdat: boolean;
  /** When the conversation must have ended, in milliseconds since the epoch. */
  readonly until: number;
}

/**
 * `delivered`: the server has answered for the message (RFC 2033 §4.2). `refused`: it never will. `failed`: not now; an
 * `uncertain` error means that the server may have it all the same.
 */
export type LmtpOutcome =
  { readonly kind: "delivered" } | Refusal | { readonly kind: "failed"; readonly error: TransientError };

/** A server that has greeted and answered LHLO. It takes one order and is closed then. */
export interface LmtpSession {
  readonly capabilities: Capabilities;
  /** Never throws. */
  readonly deliver: (order: LmtpOrder) => Promise<LmtpOutcome>;
  /** Says QUIT where that can be understood, and closes the connection. Never fails; takes `quitMs` at most. */
  readonly close: () => Promise<void>;
}

/**
 * A message of up to that size is one BDAT. A larger one is cut, so that the
 * server's answers tell how much of it is still on the way: a WebSocket of a Worker does not say so.
 */
export const CHUNK_BYTES = 512 * 1024;

/** With {@link LmtpSettings.pipelinesBdat}: chunks that are on the way and not answered yet, at most: with their commands 2 MiB. */
export const WINDOW_CHUNKS = 4;

/**
 * Begins a conversation: greeting and LHLO. Closes the stream when it throws.
 * @throws TransientError when the server does not greet, or is no LMTP server.
 */
export async function openLmtp(
  stream: ByteStream,
  { name, budgets, clock, pipelinesBdat, until }: LmtpSettings,
): Promise<LmtpSession> {
  const conversation = new Conversation(stream, clock, until);
  /** Inside the message QUIT would be part of it. */
  let canQuit = true;
  try {
    conversation.expect("greeting", budgets.greetingMs);
    // Nothing is sent before it (RFC 5321 §4.3.1).
    await conversation.answer();
    conversation.expect("LHLO", budgets.commandMs);
    await conversation.write("LHLO", bytesOf(`LHLO ${name}\r\n`), budgets.commandMs);
    const { reply } = await conversation.answer();
    const capabilities = capabilitiesIn(reply);
    return { capabilities, deliver: (order) => deliver(order, capabilities), close };
  } catch (error) {
    await close();
    throw error;
  }

  async function deliver(order: LmtpOrder, offered: Capabilities): Promise<LmtpOutcome> {
    const { message } = order;
    const impossible = cannotBeSent(order, offered);
    if (impossible !== undefined) return impossible;
    canQuit = false;
    try {
      const envelope = envelopeCommands(order, offered);
      const verdict = offered.chunking
        ? await sendChunks(envelope, message, offered.pipelining)
        : await sendData(envelope, message, offered.pipelining);
      if (verdict.kind === "refused") return verdict;
      canQuit = true;
      return { kind: "delivered" };
    } catch (error) {
      if (error instanceof TransientError) return { kind: "failed", error };
      // Nobody foresaw it, so its text may quote the message.
      const unexpected = new TransientError("lmtp: unexpected error", "message", conversation.isMessageSent);
      return { kind: "failed", error: unexpected };
    }
  }

  /** MAIL and RCPT: in one write when the server allows it, which is then handed on to go out with what follows. */
  async function begin([mail, rcpt]: Envelope, isPipelined: boolean): Promise<Verdict | { readonly waiting: string }> {
    for (const [step, command] of [
      ["MAIL", mail],
      ["RCPT", rcpt],
    ] as const) {
      conversation.expect(step, budgets.commandMs);
      if (isPipelined) continue;
      await conversation.write(step, bytesOf(command), budgets.commandMs);
      const verdict = await conversation.settle(0);
      if (verdict.kind === "refused") return verdict;
    }
    return { waiting: isPipelined ? mail + rcpt : "" };
  }

  /** RFC 3030 §2. Only LAST makes it a message: one that was given up before is not delivered. */
  async function sendChunks(envelope: Envelope, message: Uint8Array, isPipelined: boolean): Promise<Verdict> {
    const begun = await begin(envelope, isPipelined);
    if (!("waiting" in begun)) return begun;
    let { waiting } = begun;
    const isOneFlight = isPipelined && pipelinesBdat;
    if (waiting !== "" && !isOneFlight) {
      await conversation.write("MAIL", bytesOf(waiting), budgets.commandMs);
      waiting = "";
      const verdict = await conversation.settle(0);
      if (verdict.kind === "refused") return verdict;
    }
    for (let offset = 0; ; offset += CHUNK_BYTES) {
      const chunk = message.subarray(offset, offset + CHUNK_BYTES);
      const isLast = offset + CHUNK_BYTES >= message.byteLength;
      const step = isLast ? "message" : "BDAT";
      if (isLast) conversation.isMessageSent = true;
      conversation.expect(step, isLast ? budgets.messageMs : budgets.chunkMs);
      const head = `${waiting}BDAT ${chunk.byteLength}${isLast ? " LAST" : ""}\r\n`;
      waiting = "";
      await conversation.write(step, bytesOf(head), budgets.chunkMs);
      if (chunk.byteLength > 0) await conversation.write(step, chunk, budgets.chunkMs);
      if (isLast) return await conversation.settle(0);
      const verdict = await conversation.settle(isOneFlight ? WINDOW_CHUNKS - 1 : 0);
      if (verdict.kind === "refused") return verdict;
    }
  }

  /** RFC 5321 §4.1.1.4. DATA is the last command of a group (RFC 2920 §3.1): the message waits for its 354. */
  async function sendData(envelope: Envelope, message: Uint8Array, isPipelined: boolean): Promise<Verdict> {
    const begun = await begin(envelope, isPipelined);
    if (!("waiting" in begun)) return begun;
    conversation.expect("DATA", budgets.commandMs);
    await conversation.write("DATA", bytesOf(`${begun.waiting}DATA\r\n`), budgets.commandMs);
    const verdict = await conversation.settle(0);
    if (verdict.kind === "refused") return verdict;
    conversation.expect("message", budgets.messageMs);
    let held: Uint8Array | undefined;
    for (const piece of dotStuffed(message)) {
      if (held !== undefined) await conversation.write("DATA", held, budgets.chunkMs);
      if (!conversation.isWritable) break;
      held = piece;
    }
    // The last piece is the end of the data.
    if (held !== undefined && conversation.isWritable) {
      conversation.isMessageSent = true;
      await conversation.write("message", held, budgets.chunkMs);
    }
    return await conversation.settle(0);
  }

  async function close(): Promise<void> {
    if (canQuit && conversation.isWritable) {
      canQuit = false;
      await clock.within(budgets.quitMs, "lmtp QUIT", stream.write(bytesOf("QUIT\r\n"))).catch(() => undefined);
    }
    stream.close();
  }
}

/** MAIL and RCPT. */
type Envelope = readonly [mail: string, rcpt: string];

/**
 * A sender that cannot be written as a path cannot be written to either, so it becomes the null reverse-path: the message
 * is worth more than the answers it will not get. Its own header still has what the edge was told.
 */
function envelopeCommands({ from, to, message }: LmtpOrder, offered: Capabilities): Envelope {
  const canBeWritten = isMailbox(from) && (offered.smtpUtf8 || !isInternational(from));
  const parameters = [
    ...(offered.size ? [` SIZE=${message.byteLength}`] : []),
    ...(offered.eightBitMime ? [" BODY=8BITMIME"] : []),
    ...(offered.smtpUtf8 && isInternational(from + to) ? [" SMTPUTF8"] : []),
  ];
  return [`MAIL FROM:<${canBeWritten ? from : ""}>${parameters.join("")}\r\n`, `RCPT TO:<${to}>\r\n`];
}

/** What need not be asked. */
function cannotBeSent({ to, message }: LmtpOrder, offered: Capabilities): Refusal | undefined {
  if (!isMailbox(to)) return refusal("553 5.1.3 The recipient's address is not valid.");
  if (isInternational(to) && !offered.smtpUtf8)
    return refusal("553 5.6.7 The server does not take internationalized addresses.");
  if (offered.maxBytes !== undefined && message.byteLength > offered.maxBytes)
    return refusal("552 5.3.4 The message is larger than the server takes.");
  return undefined;
}

function refusal(reason: string): Refusal {
  return { kind: "refused", reason, logged: `lmtp: ${reason}`, isUnknownRecipient: false };
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
