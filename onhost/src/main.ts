import { run } from "./commands";
import { visibleOn } from "./jmap/progress";

const [out, err] = [visibleOn(process.stdout), visibleOn(process.stderr)];
run(process.argv.slice(2), process.env, out, err).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    err.write(`${error instanceof Error ? (error.stack ?? error.message) : "unknown error"}\n`);
    process.exitCode = 1;
  },
);
