/** `npm run engine`: finds a Pulumi engine or gets one for the sandbox and the tests, so that they need not wait for it. */
import { existsSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";

import { progressOn } from "../progress";
import { findEngine } from "./find";

/** The engine starts the program of a project through it; the Go module of the engine does not hold it. */
const LANGUAGE_HOST = "pulumi-language-nodejs";

/** The folder is not named, because on PATH this engine would hide one that works. */
const FOR_TESTS_ONLY = `
It is for the sandbox and the tests of this checkout, which find it by themselves. It has no ${LANGUAGE_HOST}, so
\`pulumi preview\` and \`pulumi up\` do not work with it: keep it off PATH, and install Pulumi for
them: https://www.pulumi.com/docs/install/`;

function hasLanguageHost(pulumi: string): boolean {
  return [dirname(pulumi), ...(process.env["PATH"] ?? "").split(delimiter)].some((folder) =>
    existsSync(join(folder, LANGUAGE_HOST)),
  );
}

async function main(): Promise<number> {
  const engine = await findEngine(progressOn());
  if (engine.command !== undefined) {
    process.stdout.write(`${engine.source}${hasLanguageHost(engine.command.command) ? "" : FOR_TESTS_ONLY}\n`);
    return 0;
  }
  process.stderr.write(
    `There is no Pulumi engine here, so state, diff and the second up cannot be exercised:\n` +
      engine.reasons.map((line) => `  ${line}\n`).join("") +
      "Install Pulumi (https://www.pulumi.com/docs/install/) or Go 1.26 or newer, then run this again.\n",
  );
  return 1;
}

void main().then((code) => {
  process.exitCode = code;
});
