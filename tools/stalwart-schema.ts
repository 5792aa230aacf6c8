/**
 * Cuts the part out of Stalwart's own object schema (GET /api/schema) that the plan uses:
 *   node --import tsx tools/stalwart-schema.ts VERSION FULL-SCHEMA.json > sandbox/host/registry/schema-VERSION.json
 */
import { readFileSync } from "node:fs";
import { excerpt, type FullSchema } from "./stalwart-schema/excerpt";

const [version = "", file = ""] = process.argv.slice(2);
if (!/^\d+\.\d+\.\d+$/.test(version) || file === "") {
  process.stderr.write("node --import tsx tools/stalwart-schema.ts VERSION FULL-SCHEMA.json\n");
  process.exit(2);
}
const cut = excerpt(version, JSON.parse(readFileSync(file, "utf8")) as FullSchema);
// One entry on a line, so that a new version reads well as a difference.
const sections = Object.entries(cut).map(([name, value]) => {
  if (typeof value === "string") return ` ${JSON.stringify(name)}: ${JSON.stringify(value)}`;
  const entries = Object.entries(value as object).map(
    ([key, item]: [string, unknown]) => `  ${JSON.stringify(key)}: ${JSON.stringify(item)}`,
  );
  return ` ${JSON.stringify(name)}: {\n${entries.join(",\n")}\n }`;
});
process.stdout.write(`{\n${sections.join(",\n")}\n}\n`);
