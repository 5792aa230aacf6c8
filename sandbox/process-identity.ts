import { spawnSync } from "node:child_process";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/** Identifies a process for good, even when another one gets its number later. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in the system's own words. */
  readonly start: string;
}

/** The machine, its present run, and the space in which process numbers mean something (a container has its own). */
export interface Place {
  readonly host: string;
  readonly boot: string;
  readonly space: string;
}

/** When a running process started; undefined when there is none with this number. */
export function startOf(pid: number): string | undefined {
  if (process.platform !== "linux") {
    // Its words depend on the language and the time zone, which may differ between two runs.
    const env = { ...process.env, LC_ALL: "C", TZ: "UTC" };
    const { stdout } = spawnSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8", env });
    return stdout.trim() || undefined;
  }
  const stat = read(`/proc/${pid}/stat`);
  // proc(5): the name may contain blanks; after it come the state as field 3 and the start time as field 22.
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields === undefined || fields[0] === "Z" ? undefined : fields[22 - 3];
}

export function isRunning({ pid, start }: ProcessIdentity): boolean {
  return startOf(pid) === start;
}

export function placeHere(): Place {
  const isLinux = process.platform === "linux";
  return {
    host: hostname(),
    boot: (isLinux ? read("/proc/sys/kernel/random/boot_id") : undefined)?.trim() ?? "",
    space: isLinux ? readlinkSync("/proc/self/ns/pid") : "",
  };
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
