import { setTimeout as sleep } from "node:timers/promises";

/** How long an engine that was told to stop is waited for: it finishes what it has begun and writes its state. */
const MAX_END_MS = 20_000;

/** Work of the engine, one after the other, that can be ended before its files are removed. */
export class Interruptible {
  readonly #controller = new AbortController();
  #busy: Promise<unknown> = Promise.resolve();

  /** @throws DOMException once it was ended */
  async run<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    this.#controller.signal.throwIfAborted();
    const running = work(this.#controller.signal);
    this.#busy = running.catch(() => undefined);
    return await running;
  }

  /** Ends what runs and waits until it has ended; the engine would write its state into a folder that was removed. */
  async end(): Promise<void> {
    this.#controller.abort();
    const limit = new AbortController();
    await Promise.race([this.#busy, sleep(MAX_END_MS, undefined, { signal: limit.signal }).catch(() => undefined)]);
    limit.abort();
  }
}
