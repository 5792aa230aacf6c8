import type { Clock } from "../clock";
import { TransientError } from "../transient";
import { NoReplyError, ReplyParser } from "./reply";
import type { Reply } from "./reply";
import type { ByteStream } from "./stream";
import { judge } from "./verdict";
import type { Step, Verdict } from "./verdict";

/**
 * Commands and their replies on one connection, in order (RFC 2920 §3.1), each within a time budget. Every method throws a
 * {@link TransientError}; the connection is of no use after that.
 */
export class Conversation {
  /** The end of the message may have reached the server, so that silence does not mean that it was not taken. */
  isMessageSent = false;
  private readonly parser = new ReplyParser();
  /** What was sent and is not answered yet. */
  private readonly unanswered: { readonly step: Step; readonly budgetMs: number }[] = [];
  private brokenBy: TransientError | undefined;

  /** @param until when everything must have ended, in milliseconds since the epoch */
  constructor(
    private readonly stream: ByteStream,
    private readonly clock: Clock,
    private readonly until: number,
  ) {}

  /** The next reply will be to that step. */
  expect(step: Step, budgetMs: number): void {
    this.unanswered.push({ step, budgetMs });
  }

  /**
   * Hands bytes to the connection. One that breaks meanwhile is no error yet: the server may have said why, and whatever it
   * said is read first.
   */
  async write(step: Step, bytes: Uint8Array, budgetMs: number): Promise<void> {
    if (this.brokenBy !== undefined) return;
    try {
      await this.within(step, budgetMs, this.stream.write(bytes));
    } catch (error) {
      this.brokenBy = this.failure(step, error);
    }
  }

  /** False once a write has failed, so that nothing more need be made ready for it. */
  get isWritable(): boolean {
    return this.brokenBy === undefined;
  }

  /** The reply to the oldest step that is not answered; throws when it is neither accepted nor a refusal. */
  async answer(): Promise<{ readonly verdict: Verdict; readonly reply: Reply }> {
    const next = this.unanswered.shift();
    if (next === undefined) throw new Error("no reply is due");
    const reply = await this.reply(next.step, next.budgetMs);
    return { verdict: judge(next.step, reply), reply };
  }

  /** Reads replies until that many steps at most are not answered. The first refusal, if there was one. */
  async settle(unanswered: number): Promise<Verdict> {
    while (this.unanswered.length > unanswered || (!this.isWritable && this.unanswered.length > 0)) {
      const { verdict } = await this.answer();
      if (verdict.kind === "refused") return verdict;
    }
    // The server's word for the end of the message counts more than what the connection says of the way there.
    if (this.brokenBy !== undefined && !this.isMessageSent) throw this.brokenBy;
    return { kind: "accepted" };
  }

  private async reply(step: Step, budgetMs: number): Promise<Reply> {
    const until = this.clock.now() + budgetMs;
    try {
      for (;;) {
        const reply = this.parser.next();
        if (reply !== undefined) return reply;
        const bytes = await this.within(step, until - this.clock.now(), this.stream.read());
        if (bytes === undefined) throw new TransientError(`lmtp ${step}: the connection was closed`);
        this.parser.push(bytes);
      }
    } catch (error) {
      throw this.failure(step, error);
    }
  }

  private async within<T>(step: Step, budgetMs: number, promise: Promise<T>): Promise<T> {
    const left = Math.min(budgetMs, this.until - this.clock.now());
    return await this.clock.within(left, `lmtp ${step}`, promise);
  }

  /** Why there is no reply. The texts of the connection's own errors may hold addresses, so they are left out. */
  private failure(step: Step, error: unknown): TransientError {
    const uncertain = this.isMessageSent;
    if (error instanceof TransientError) return new TransientError(error.message, "home", uncertain);
    const what = error instanceof NoReplyError ? error.message : "the connection broke";
    return new TransientError(`lmtp ${step}: ${what}`, "home", uncertain);
  }
}
