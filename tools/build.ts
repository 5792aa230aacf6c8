/** `npm run tools -- NAME…`: builds foreign programs that the tests start, unless they are there already. */
import { progressOn } from "../sandbox/progress";
import { buildTool, GO_TOOLS, type GoToolName, goVersion, isBuilt, pinnedVersion, toolPath } from "./go-tool";

async function main(names: readonly string[]): Promise<number> {
  const known = Object.keys(GO_TOOLS) as GoToolName[];
  const wanted = known.filter((name) => names.includes(name));
  if (wanted.length === 0 || wanted.length < names.length) {
    process.stderr.write(`Name one or more of: ${known.join(" ")}\n`);
    return 2;
  }
  for (const name of wanted.filter((each) => !isBuilt(each))) {
    const go = goVersion();
    if (go === undefined) {
      process.stderr.write(`${name} cannot be built: there is no Go toolchain. Install Go 1.26 or newer.\n`);
      return 1;
    }
    // One after the other: each alone fills all cores.
    await progressOn().step(`building ${name} ${pinnedVersion(name)} once with ${go}`, (tell) => buildTool(name, tell));
  }
  process.stdout.write(wanted.map((name) => `${toolPath(name)}\n`).join(""));
  return 0;
}

void main(process.argv.slice(2)).then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  },
);
