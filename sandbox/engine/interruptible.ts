import { setTimeout as sleep } from "node:timers/promises";

/** How long to wait for an engine that was told to stop: it finishes what it has begun and writes its state. */
const MAX_END_MS = 20_000;

/** Runs of the engine, one after the other, that can be ended before the engine's files are removed. */
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

  /** Ends the present run and waits for it. Otherwise the engine would write its state into a folder that was removed. */
  async end(): Promise<void> {
    this.#controller.abort();
    const limit = new AbortController();
    await Promise.race([this.#busy, sleep(MAX_END_MS, undefined, { signal: limit.signal }).catch(() => undefined)]);
    limit.abort();
  }
}
