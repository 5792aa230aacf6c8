import { existsSync } from "node:fs";
import { startCyrus, type Cyrus } from "../cyrus/server";

const SETTINGS = { jmap_nonstandard_extensions: "yes", jmap_vacation: "no", httpmodules: "jmap caldav" };
const MEMORY = "/dev/shm";

/**
 * A Cyrus with Sieve and calendars over JMAP. It makes every change last on the disk; in memory that costs nothing, and
 * filling it with thousands of messages takes seconds instead of minutes.
 */
export async function startInMemory(): Promise<Cyrus> {
  const before = process.env["TMPDIR"];
  if (existsSync(MEMORY)) process.env["TMPDIR"] = MEMORY;
  try {
    return await startCyrus(undefined, SETTINGS);
  } finally {
    if (before === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = before;
  }
}
