import { execFileSync } from "node:child_process";
import { join } from "node:path";

const HEAP_MB = 96;
const ROWS = 4_000;
const REPORTS = 60;

test("memory is bounded by one report: many of them are read in the same heap", () => {
  const program = join(__dirname, "many-reports.ts");
  const options = ["--import", "tsx", `--max-old-space-size=${HEAP_MB}`, program, String(REPORTS), String(ROWS)];
  const said = execFileSync(process.execPath, options, { cwd: join(__dirname, "../../.."), encoding: "utf8" });
  expect(JSON.parse(said)).toEqual({ dmarcReports: REPORTS, messages: REPORTS * ROWS });
});
