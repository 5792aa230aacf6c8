import { existsSync } from "node:fs";
import { startCyrus, type Cyrus } from "../cyrus/server";

const SETTINGS = {
  jmap_nonstandard_extensions: "yes",
  jmap_vacation: "no",
  httpmodules: "jmap caldav",
  httpallowcompress: "yes",
};
const MEMORY = "/dev/shm";

/**
 * A Cyrus with Sieve and calendars over JMAP, and answers that are compressed, as is its default. It makes every change last on the disk; in memory that costs nothing, and
 * filling it with thousands of messages takes seconds instead of minutes.
 */
export function startInMemory(): Promise<Cyrus> {
  return startCyrus(undefined, SETTINGS, existsSync(MEMORY) ? MEMORY : undefined);
}
