import { execFileSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { connectSocket } from "../../worker/lmtp-socket";

export const DOMAIN = "example.org";
export const USER = `root@${DOMAIN}`;
const LOOPBACK = "127.0.0.1";
const START_BUDGET_MS = 20_000;
const STOP_BUDGET_MS = 5_000;
const POLL_MS = 50;

/** An LMTP server that nobody here wrote, with one user. */
export interface Judge {
  readonly lmtpPort: number;
  /** The messages of a folder of {@link USER} as they are stored, in no particular order. */
  readonly read: (folder: string) => Promise<readonly Buffer[]>;
  readonly close: () => Promise<void>;
}

/** Ports that nobody listens on now. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const holders = Array.from({ length: count }, () => createServer());
  await Promise.all(holders.map((holder) => new Promise<void>((resolve) => holder.listen(0, LOOPBACK, resolve))));
  const ports = holders.map((holder) => (holder.address() as AddressInfo).port);
  await Promise.all(holders.map((holder) => new Promise<void>((resolve) => holder.close(() => resolve()))));
  return ports;
}

/** Waits for the greeting. */
export async function greets(port: number, child: ChildProcess): Promise<void> {
  const until = Date.now() + START_BUDGET_MS;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the server ended while it started (exit code ${child.exitCode})`);
    try {
      const stream = await connectSocket(port);
      const greeting = await stream.read();
      stream.close();
      if (greeting !== undefined) return;
    } catch (error) {
      if (Date.now() > until) throw new Error("the server does not answer", { cause: error });
    }
    await sleep(POLL_MS);
  }
}

/** The program stops its own children. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_BUDGET_MS);
  child.kill("SIGTERM");
  await ended;
  clearTimeout(timer);
}

/** Name or number of the group of this process. */
export function ownGroup(): string {
  return execFileSync("id", ["-gn"], { encoding: "utf8" }).trim();
}
