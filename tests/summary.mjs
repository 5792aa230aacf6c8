import process from "node:process";
import { setTimeout } from "node:timers";

/** What a test that has ended may still need for its own tidying. */
const REST_MS = 30_000;

/** Ends a run with the plain line that any tool can read, and a run that something keeps from ending as a failed one. */
export default class Summary {
  onRunComplete(_contexts, { numPassedTests, numFailedTests, numFailedTestSuites, numPendingTests }) {
    const failed = numFailedTests === 0 ? numFailedTestSuites : numFailedTests;
    // After the default reporter's own last lines.
    process.on("exit", () =>
      process.stdout.write(`${numPassedTests} passed, ${failed} failed, ${numPendingTests} skipped\n`),
    );
    const rest = () => {
      const left = process.getActiveResourcesInfo().join(", ");
      process.stderr.write(`The tests have ended, but a test left what keeps this process running: ${left}.\n`);
      process.stderr.write("Look for it with: npx jest --detectOpenHandles FILE\n");
      process.exit(1);
    };
    setTimeout(rest, REST_MS).unref();
  }
}
