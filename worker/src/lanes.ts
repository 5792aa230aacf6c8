/** What holds for jobs that run at the same time. */
export interface Lanes {
  /** How many may run now. */
  readonly width: () => number;
  /** Together they hold no more than that, in bytes; a single one may. */
  readonly bytes: number;
  /** Whether another one may begin beside those that run. What is refused is asked again when one of them has ended. */
  readonly mayBegin: (running: number) => boolean;
}

/** Takes jobs off the front of the queue, and ends when none is left or none may begin. `job` never throws. */
export async function inLanes<T extends { readonly size: number }>(
  queue: T[],
  job: (item: T) => Promise<void>,
  { width, bytes, mayBegin }: Lanes,
): Promise<void> {
  const running = new Set<Promise<void>>();
  let held = 0;
  for (let item = queue[0]; item !== undefined; item = queue[0]) {
    const hasRoom = running.size === 0 || (running.size < width() && held + item.size <= bytes);
    if (hasRoom && mayBegin(running.size)) {
      queue.shift();
      begin(item);
    } else if (running.size === 0) return;
    else await Promise.race(running);
  }
  await Promise.all(running);

  function begin(item: T): void {
    held += item.size;
    const ended = job(item).then(() => {
      held -= item.size;
      running.delete(ended);
    });
    running.add(ended);
  }
}
