import type { AlertResult } from "./alert";
import type { DrainReport } from "./drain";

/** What a log line may hold. Addresses, subjects and answers have no field, so they cannot get in. */
export type LogLine = MessageLine | SpoolLine;

/** One per message. */
export type MessageLine = {
  /** The same for all copies of a message; absent when it was not read. */
  readonly key?: string | undefined;
  readonly bytes: number;
  readonly durationMs: number;
  /** Milliseconds per step; steps overlap. */
  readonly steps?: Readonly<Record<string, number>>;
  /** Made to home. */
  readonly requests?: number;
} & (
  | { readonly event: "delivered"; readonly ledger: "written" | "unwritten" }
  | { readonly event: "duplicate" }
  | { readonly event: "spooled"; readonly reason: string }
  | { readonly event: "refused"; readonly reason: string }
  | { readonly event: "deferred"; readonly reason: string }
);

/** One per run of the drain. */
export type SpoolLine = { readonly event: "spool"; readonly durationMs: number } & (
  | (DrainReport & { readonly requests: number; readonly operations: number; readonly alert: AlertResult })
  | { readonly error: string }
);

/** Writes one line of JSON. */
export function log(line: LogLine): void {
  console.log(JSON.stringify(line));
}
