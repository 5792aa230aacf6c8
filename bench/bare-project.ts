import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { PROJECT } from "../infra/settings/keys";

const ROOT = join(__dirname, "..");
/** Types of the program's own components begin with it. */
export const COMPONENT = "mail:index:";

export interface BareResource {
  readonly type: string;
  readonly name: string;
  readonly inputs: unknown;
}

/**
 * A project whose program registers these resources with their inputs, and does nothing else: what the engine, the SDKs and
 * Pulumi's default runtime cost.
 * @param hostStack a stack whose output `hostOffer` the program reads before, as that of a further domain does
 */
export function bareProject(project: string, resources: readonly BareResource[], hostStack?: string): void {
  mkdirSync(join(project, "infra"));
  symlinkSync(join(ROOT, "node_modules"), join(project, "node_modules"));
  writeFileSync(join(project, "Pulumi.yaml"), `name: ${PROJECT}\nruntime: nodejs\n`);
  writeFileSync(join(project, "package.json"), '{ "main": "infra/index.ts" }\n');
  const compilerOptions = {
    target: "es2023",
    module: "node20",
    types: ["node"],
    strict: true,
    skipLibCheck: true,
    rootDir: ".",
  };
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions }));
  writeFileSync(join(project, "infra", "resources.json"), JSON.stringify(resources));
  const packages = [...new Set(resources.map(({ type }) => type.split(":")[0] ?? ""))].filter(
    (name) => name !== PROJECT,
  );
  const reading =
    hostStack === undefined
      ? ""
      : `await new pulumi.StackReference("organization/${PROJECT}/${hostStack}").getOutputDetails("hostOffer");`;
  writeFileSync(
    join(project, "infra", "index.ts"),
    `import * as fs from "node:fs";
${packages.map((name) => `import * as ${name} from "@pulumi/${name}";`).join("\n")}
import * as pulumi from "@pulumi/pulumi";

interface Bare { type: string; name: string; inputs: object }
type Module = { [name: string]: Module & (new (name: string, inputs: object) => unknown) };
const sdks = { ${packages.join(", ")} } as unknown as Module;
export = async () => {
  ${reading}
  for (const { type, name, inputs } of JSON.parse(fs.readFileSync(__dirname + "/resources.json", "utf8")) as Bare[]) {
    const [sdk = "", path = "", last = ""] = type.split(":");
    const folder = path.split("/")[0] ?? "";
    if (type.startsWith("${COMPONENT}")) new pulumi.ComponentResource(type, name);
    else new (folder === "index" ? sdks[sdk] : sdks[sdk][folder])[last](name, inputs);
  }
};
`,
  );
}
