/** What a log line may hold. Addresses, subjects and answers have no field, so they cannot get in. */
export type LogLine = { readonly bytes: number; readonly durationMs: number } & (
  | { readonly event: "delivered" }
  | { readonly event: "refused"; readonly reason: string }
  | { readonly event: "deferred"; readonly reason: string }
);

/** Writes one line of JSON. */
export function log(line: LogLine): void {
  console.log(JSON.stringify(line));
}
