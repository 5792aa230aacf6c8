import { childProcesses, memory } from "./process";

const EVERY_MS = 50;

/** Runs it and says the peak of the resident memory of each program that this process starts meanwhile, in bytes by name. */
export async function peaksDuring(work: () => Promise<unknown>): Promise<ReadonlyMap<string, number>> {
  const peaks = new Map<string, number>();
  const timer = setInterval(() => {
    for (const { pid, program } of childProcesses())
      try {
        const { peak } = memory(pid);
        // One that has ended and was not yet waited for has no memory.
        if (peak > (peaks.get(program) ?? 0)) peaks.set(program, peak);
      } catch {
        // It ended meanwhile.
      }
  }, EVERY_MS);
  try {
    await work();
    return peaks;
  } finally {
    clearInterval(timer);
  }
}
