import { TransientError } from "../transient";
import { cleanText, codesOf } from "./reply";
import type { Reply } from "./reply";

/** What a reply answers. `message`: the end of the message, after DATA or BDAT LAST. */
export type Step = "greeting" | "LHLO" | "MAIL" | "RCPT" | "DATA" | "BDAT" | "message";

/** No attempt will ever succeed. */
export interface Refusal {
  readonly kind: "refused";
  /** For the sender: codes and the server's text, cleaned. */
  readonly reason: string;
  /** For the log: the step and the codes only. */
  readonly logged: string;
  /** The server knows no such recipient; another address may be tried. */
  readonly isUnknownRecipient: boolean;
}

export type Verdict = { readonly kind: "accepted" } | Refusal;

const START_DATA = 354;
const SHUTTING_DOWN = 421;

/**
 * Answers to a client that is wrong or unknown (RFC 5321 §4.2.2, RFC 4954 §6). They say nothing about the message, unless
 * the enhanced code does: maddy answers `501 5.1.1` for an unknown recipient.
 */
const CLIENT_CODES: ReadonlySet<number> = new Set([500, 501, 502, 503, 504, 521, 530, 534, 535, 538, 555, 556]);
/** Storage allocation exceeded: without an enhanced code perhaps only a full mailbox. */
const STORAGE_CODE = 552;

/** Too big for the system: the only status about the server itself that is about the message as well (RFC 3463 §3.4). */
const TOO_BIG = "5.3.4";
const MAILBOX_FULL = "5.2.2";
/** Bad sender's mailbox address, syntax or system (RFC 3463 §3.2). */
const SENDER_STATUS = /^5\.1\.[78]$/;
const ADDRESS_STATUS = /^5\.1\./;
/** Addressing, mailbox and content status (RFC 3463 §3.2, §3.3, §3.7). */
const MESSAGE_STATUS = /^5\.[126]\./;
/** Mail system, network and protocol status: the operator's trouble. */
const SYSTEM_STATUS = /^5\.[345]\./;

/**
 * What the reply to that step means. Refused is only what is true of this message or this recipient for good; a server
 * that takes nobody's mail, or not from us, must not make bounces.
 * @throws TransientError for everything else; its text carries the codes and nothing that the server wrote.
 */
export function judge(step: Step, reply: Reply): Verdict {
  const { code } = reply;
  if (step === "DATA" ? code === START_DATA : code >= 200 && code < 300) return { kind: "accepted" };
  if (code < 400) throw new TransientError(`lmtp ${step}: unexpected reply ${code}`, "home", step === "message");
  const isRefusal = code >= 500 && isAboutMessage(step, reply);
  if (!isRefusal) throw new TransientError(`lmtp ${step}: ${codesOf(reply)}`, troubleOf(step, code));
  const isUnknownRecipient = step === "RCPT" && isAddress(reply);
  return {
    kind: "refused",
    reason: `${codesOf(reply)} ${cleanText(reply)}`.trim(),
    logged: `lmtp ${step}: ${codesOf(reply)}`,
    isUnknownRecipient,
  };
}

function isAboutMessage(step: Step, { code, enhanced }: Reply): boolean {
  if (step === "greeting" || step === "LHLO") return false;
  if (CLIENT_CODES.has(code) && !MESSAGE_STATUS.test(enhanced ?? "")) return false;
  if (enhanced === TOO_BIG) return true;
  // Others may have been refused before anybody looked at the recipient, for the address of the tunnel.
  if (step === "MAIL") return enhanced !== undefined && SENDER_STATUS.test(enhanced);
  if (enhanced === undefined) return code !== STORAGE_CODE;
  // Full today, and perhaps not tomorrow.
  return enhanced !== MAILBOX_FULL && !SYSTEM_STATUS.test(enhanced);
}

/** 550, 551 and 553 in reply to RCPT are about the mailbox (RFC 5321 §4.2.3), unless the enhanced code says otherwise. */
function isAddress({ code, enhanced }: Reply): boolean {
  if (enhanced !== undefined) return ADDRESS_STATUS.test(enhanced);
  return code === 550 || code === 551 || code === 553;
}

/** A later step than LHLO is answered for this message, unless the server is about to leave. */
function troubleOf(step: Step, code: number): "home" | "message" {
  return code === SHUTTING_DOWN || step === "greeting" || step === "LHLO" ? "home" : "message";
}
