import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { sharedHost } from "../../../infra/domain/shared-host";
import { renderForeign } from "../../../infra/settings/foreign";
import { readStackFile } from "../../../infra/settings/stack-file";
import { run } from "../../../ops/settings";
import { temporaryFolder, type TemporaryFolder } from "../../../sandbox/temporary";

const HOST = ["mail:hostAddress: 192.0.2.7", "mail:hostUser: mail"];
let folder: TemporaryFolder;

beforeEach(() => (folder = temporaryFolder()));
afterEach(() => folder.remove());

function write(stack: string, ...lines: readonly string[]): void {
  writeFileSync(
    join(folder.path, `Pulumi.${stack}.yaml`),
    ["config:", ...lines.map((line) => `  ${line}`), ""].join("\n"),
  );
}

const said = (stack: string) => sharedHost(folder.path, stack, readStackFile(stack, folder.path).raw);

test("a file that was copied for a second domain is told, in both directions, with the way to a further domain", () => {
  write("prod", "mail:domain: example.org", ...HOST);
  write("second", "mail:domain: example.net", ...HOST, "mail:hostFolder: apps", "mail:hostPort: 22");
  const warning = said("second");
  expect(warning && renderForeign(warning)).toContain("pulumi config set mail:hostStack prod --stack second");
  expect(said("prod")?.consequence).toContain("Pulumi.second.yaml");
  expect(run(["second"], folder.path).stdout).toContain("Warning: mail:hostAddress is");
  const json = JSON.parse(run(["second", "--json"], folder.path).stdout ?? "") as { warnings: { key: string }[] };
  expect(json.warnings.map(({ key }) => key)).toContain("mail:hostAddress");
});

test.each([
  ["a further domain", ["mail:domain: example.net", ...HOST, "mail:hostStack: prod"]],
  ["the same domain under another stack name", ["mail:domain: example.org", ...HOST]],
  ["another host", ["mail:domain: example.net", "mail:hostAddress: 192.0.2.8", "mail:hostUser: mail"]],
  ["another folder", ["mail:domain: example.net", ...HOST, "mail:hostFolder: other"]],
  ["another port", ["mail:domain: example.net", ...HOST, "mail:hostPort: 2222"]],
  ["no host yet", ["mail:domain: example.net"]],
])("nothing is said of %s", (_name, lines) => {
  write("prod", "mail:domain: example.org", ...HOST);
  write("second", ...lines);
  expect(said("second")).toBeUndefined();
});

test("a file that cannot be read says nothing", () => {
  write("prod", "mail:domain: example.org", ...HOST);
  writeFileSync(join(folder.path, "Pulumi.broken.yaml"), "config: [\n");
  expect(said("prod")).toBeUndefined();
});
