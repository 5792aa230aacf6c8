import { readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { basename } from "node:path";

/** Linux counts a process' time in these, whatever the kernel's own clock is (`getconf CLK_TCK`). */
const TICK_MS = 10;
/** Positions in /proc/PID/stat after the closing parenthesis of the name, see proc(5). */
const STAT_PARENT = 1;
const STAT_USER_TIME = 11;
const STAT_SYSTEM_TIME = 12;
const KIB = 1024;
/** Written to clear_refs it sets the peak back to the present size. */
const RESET_PEAK = "5";

/** Processes that this process started, with the names of their programs. */
export function childProcesses(): readonly { readonly pid: number; readonly program: string }[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .flatMap((pid) => {
      try {
        return Number(stat(pid)[STAT_PARENT]) === process.pid ? [{ pid, program: programOf(pid) }] : [];
      } catch {
        // It ended meanwhile.
        return [];
      }
    });
}

/** Ids of the workerd processes that this process started. */
export function workerdProcesses(): readonly number[] {
  return childProcesses()
    .filter(({ program }) => program === "workerd")
    .map(({ pid }) => pid);
}

/** User and system time of all threads of a process since it started, in milliseconds, in steps of 10. */
export function cpuMs(pid: number): number {
  const fields = stat(pid);
  return (Number(fields[STAT_USER_TIME]) + Number(fields[STAT_SYSTEM_TIME])) * TICK_MS;
}

/** Resident memory in bytes, and its peak since {@link resetPeak}. */
export function memory(pid: number): { readonly now: number; readonly peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const field = (name: string) => Number(new RegExp(`^${name}:\\s*(\\d+) kB$`, "m").exec(status)?.[1]) * KIB;
  return { now: field("VmRSS"), peak: field("VmHWM") };
}

export function resetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, RESET_PEAK);
}

function programOf(pid: number): string {
  return basename(readlinkSync(`/proc/${pid}/exe`));
}

function stat(pid: number): readonly string[] {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  return text.slice(text.lastIndexOf(")") + 2).split(" ");
}
