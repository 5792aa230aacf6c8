/** `npm run pictures`: the pictures of docs/, from what `npm run client` writes for the stack prod. Needs chromium. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { sheetAnswer } from "../ops/client/sheet";
import { publicSettings } from "../ops/public-settings";
import { temporaryFolder } from "../sandbox/temporary";

const FOLDER = join(__dirname, "..", "docs", "pictures");
const STACK = "prod";
/** Of the page, in CSS pixels. */
const SIZE = "820,900";

function main(): number {
  const settings = publicSettings(STACK);
  const html = sheetAnswer(settings, settings.primaryAddress)?.files.find(({ name }) => name.endsWith(".html"));
  if (!html) throw new Error(`the stack ${STACK} has no client sheet`);
  const folder = temporaryFolder();
  try {
    const [page, picture] = [join(folder.path, "sheet.html"), join(folder.path, "sheet.png")];
    writeFileSync(page, html.content);
    const args = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", `--window-size=${SIZE}`];
    const run = spawnSync("chromium", [...args, `--screenshot=${picture}`, `file://${page}`], { stdio: "ignore" });
    if (run.status !== 0) {
      process.stderr.write("chromium does not run, so there are no new pictures. On Debian: apt install chromium\n");
      return 1;
    }
    mkdirSync(FOLDER, { recursive: true });
    writeFileSync(join(FOLDER, "client-sheet.png"), readFileSync(picture));
    process.stdout.write("written  docs/pictures/client-sheet.png\n");
    return 0;
  } finally {
    folder.remove();
  }
}

process.exitCode = main();
