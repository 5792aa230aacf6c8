/**
 * The message was not taken now: thrown to make Cloudflare answer the sender with a temporary error. The text says which
 * step failed and how. It ends in logs, so it carries nothing of the message, its addresses or an answer from home.
 */
export class TransientError extends Error {
  override readonly name = "TransientError";
}
