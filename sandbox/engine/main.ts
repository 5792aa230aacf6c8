/** `npm run engine`: finds a Pulumi engine or gets one, so that what follows need not wait for it. */
import { progressOn } from "../progress";
import { findEngine } from "./find";

async function main(): Promise<number> {
  const engine = await findEngine(progressOn());
  if (engine.command !== undefined) {
    process.stdout.write(`${engine.source}: ${engine.command.command}\n`);
    return 0;
  }
  process.stderr.write(
    `There is no Pulumi engine here, so state, diff and the second up cannot be exercised:\n` +
      engine.reasons.map((line) => `  ${line}\n`).join("") +
      "Install Pulumi (https://www.pulumi.com/docs/install/) or Go 1.25 or newer, then run this again.\n",
  );
  return 1;
}

void main().then((code) => {
  process.exitCode = code;
});
