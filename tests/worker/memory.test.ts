import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

/** The limit for a message of 25 MiB; a Worker has 128 MiB. */
const LIMIT_MIB = 96;
/** One buffer, the copy that WebCrypto takes while it hashes, and small things; a third copy would show. */
const COPIES = 2.8;

test.each(["bytes", "chunks"])(
  "the largest message, a stream of %s, is held once, whatever is done with it",
  async (kind) => {
    const probe = ["--import", "tsx", join(__dirname, "memory-probe.ts"), kind];
    const { stdout } = await promisify(execFile)(process.execPath, probe, { cwd: join(__dirname, "..", "..") });
    const measured = JSON.parse(stdout) as { outcomes: string[]; sizeMiB: number; growthMiB: number };
    expect(measured.outcomes).toEqual(["spooled"]);
    expect(measured.growthMiB).toBeGreaterThan(measured.sizeMiB * 0.9);
    expect(measured.growthMiB).toBeLessThan(measured.sizeMiB * COPIES);
    expect(measured.growthMiB).toBeLessThan(LIMIT_MIB);
  },
);
