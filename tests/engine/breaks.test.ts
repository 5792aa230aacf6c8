import { spawn } from "node:child_process";
import { join } from "node:path";

import { type BreakName, BREAKS } from "../../sandbox/breaks";
import { REASONS } from "../break-reasons";
import { describeEngine } from "./describe";
import { ENGINE_TIMEOUT_MS } from "./lab";

/** Without an engine names of resources may repeat, and nothing is compared with a state. */
describeEngine("npm run sandbox -- --break, with the engine", () => {
  test.each(Object.keys(BREAKS) as BreakName[])(
    "%s fails the run for its own reason",
    async (name) => {
      const { code, said } = await sandbox("--break", name);
      for (const reason of REASONS[name]) expect(said).toMatch(reason);
      expect(said).not.toMatch(/Duplicate resource URN|^ {4}at /m);
      expect(code).toBe(1);
    },
    ENGINE_TIMEOUT_MS,
  );
});

/** The command as it is typed; what it says on standard error. */
function sandbox(...args: readonly string[]): Promise<{ readonly code: number | null; readonly said: string }> {
  const root = join(__dirname, "../..");
  const child = spawn(process.execPath, ["--import", "tsx", join(root, "sandbox/main.ts"), "--json", ...args], {
    cwd: root,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, said }));
  });
}
