import { childProcesses, memory } from "./process";

const EVERY_MS = 50;

/** Runs it and says the peak of the resident memory of each program that this process starts meanwhile, in bytes by name. */
export async function peaksDuring(work: () => Promise<unknown>): Promise<ReadonlyMap<string, number>> {
  const peaks = new Map<string, number>();
  const timer = setInterval(() => {
    for (const { pid, program } of childProcesses())
      try {
        peaks.set(program, Math.max(peaks.get(program) ?? 0, memory(pid).peak));
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
