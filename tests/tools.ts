import { type GoToolName, isBuilt, pinnedVersion } from "../tools/go-tool";
import { REQUIRE_ALL } from "./needs";

/** `describe` for tests that start a program out of tools/; like `describeWith`. */
export function describeTool(name: GoToolName): jest.Describe {
  if (REQUIRE_ALL || isBuilt(name)) return describe;
  const how = `npm run tools -- ${name}`;
  process.stderr.write(`skipped: ${name} ${pinnedVersion(name)} is not built. With Go: ${how}\n`);
  return describe.skip;
}
