/**
 * What a failure says about the next attempt. `home`: nobody there answers as it should, so another message would fare no
 * better. `stale`: an id or a URL that home no longer knows. `message`: this message or its account only. `limit`: the
 * platform lets this invocation ask nobody any more.
 */
export type Trouble = "home" | "stale" | "message" | "limit";

/**
 * The message was not taken now: thrown to make Cloudflare answer the sender with a temporary error. The text says which
 * step failed and how. It ends in logs, so it carries nothing of the message, its addresses or an answer from home.
 */
export class TransientError extends Error {
  override readonly name = "TransientError";

  /** @param uncertain home may have done what was asked, although it was not heard saying so */
  constructor(
    message: string,
    readonly trouble: Trouble = "home",
    readonly uncertain = false,
  ) {
    super(message);
  }
}

/** The text of an error that nobody foresaw may quote the message, so only its class leaves the Worker. */
export function asTransient(error: unknown): TransientError {
  if (error instanceof TransientError) return error;
  return new TransientError(`unexpected ${error instanceof Error ? error.name : typeof error}`, "message");
}
