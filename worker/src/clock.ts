import { TransientError } from "./transient";

/** Time as the core sees it, so that tests can be quick and exact about it. */
export interface Clock {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** The promise, or an error that names `step` when it takes longer. What was begun goes on unseen. */
  readonly within: <T>(milliseconds: number, step: string, promise: Promise<T>) => Promise<T>;
}

export const systemClock: Clock = { now: () => Date.now(), within };

async function within<T>(milliseconds: number, step: string, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new TransientError(`${step}: no answer in time`, "message", true)),
      Math.max(milliseconds, 0),
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    if (timer !== undefined) clearTimeout(timer);
    // It may still fail, when nobody listens any more.
    promise.catch(() => undefined);
  }
}
