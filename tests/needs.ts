import { spawnSync } from "node:child_process";

/** Set by `.ci/run`: there a missing part is a failure and never a skip. */
export const REQUIRE_ALL = process.env["MAIL_STACK_REQUIRE_ALL"] === "1";

/**
 * `describe` for tests that run a foreign program. Without it the tests are skipped with one line that says how to get
 * it; where everything is required they run, and fail.
 */
export function describeWith(program: string, howToGet: string): jest.Describe {
  if (REQUIRE_ALL || isOnPath(program)) return describe;
  process.stderr.write(`skipped: ${program} is not installed. ${howToGet}\n`);
  return describe.skip;
}

function isOnPath(program: string): boolean {
  return spawnSync("sh", ["-c", `command -v "$1"`, "sh", program], { stdio: "ignore" }).status === 0;
}
