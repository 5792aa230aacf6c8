import process from "node:process";

/** Ends a run with the plain line that any tool can read. */
export default class Summary {
  onRunComplete(_contexts, { numPassedTests, numFailedTests, numFailedTestSuites, numPendingTests }) {
    const failed = numFailedTests === 0 ? numFailedTestSuites : numFailedTests;
    // After the default reporter's own last lines.
    process.on("exit", () =>
      process.stdout.write(`${numPassedTests} passed, ${failed} failed, ${numPendingTests} skipped\n`),
    );
  }
}
