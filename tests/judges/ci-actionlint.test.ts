import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { toolPath } from "../../tools/go-tool";
import { describeTool } from "../tools";

const FOLDER = join(__dirname, "..", "..", ".github", "workflows");

describeTool("actionlint")("actionlint", () => {
  function judge(workflow: string): { status: number | null; said: string } {
    const { status, stdout } = spawnSync(toolPath("actionlint"), ["-no-color", "-"], {
      input: workflow,
      encoding: "utf8",
    });
    return { status, said: stdout };
  }

  const read = (name: string) => readFileSync(join(FOLDER, name), "utf8");

  it.each(readdirSync(FOLDER))("accepts %s", (name) => {
    expect(judge(read(name))).toEqual({ status: 0, said: "" });
  });

  it.each([
    [
      "an output that no step has",
      "steps.preview.outputs.text",
      "steps.view.outputs.text",
      "is not defined in object type",
    ],
    [
      "a permission that does not exist",
      "pull-requests: write",
      "pull-request: write",
      'unknown permission scope "pull-request"',
    ],
    ["a variable without quotes", '--repo "$REPOSITORY"', "--repo $REPOSITORY", "SC2086"],
  ])("refuses %s", (_what, text, instead, complaint) => {
    const broken = read("preview.yml").replace(text, instead);
    expect(broken).not.toBe(read("preview.yml"));
    expect(judge(broken).said).toContain(complaint);
  });
});
