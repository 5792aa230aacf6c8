import { spawnSync } from "node:child_process";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { parse } from "yaml";

import { temporaryFolder } from "../../../sandbox/temporary";

const ROOT = join(__dirname, "../../..");

/** Text of a resource's or a record's that wants out of the block of code, to be read as Markdown. */
const HOSTILE = [
  ["the fence itself", "~~~~\n@octocat ![x](https://example.org/x.png)\n~~~~text"],
  ["a longer one", "~~~~~~~~~~\n# Approved by @octocat\n"],
  ["one after blanks, without a line's end", "+ x\n   ~~~~~ \n@octocat"],
  ["the other kind of fence", "```\n@octocat\n```"],
  ["no fence", "+ cloudflare:DnsRecord"],
] as const;

describe("what previews say is a block of code in Markdown, whatever is in it", () => {
  const folder = temporaryFolder();
  const at = (name: string) => join(folder.path, name);
  const program = (name: string, script: string) => {
    writeFileSync(at(name), `#!/bin/bash\n${script}\n`);
    chmodSync(at(name), 0o755);
  };
  afterAll(() => folder.remove());

  it.each(HOSTILE)("on the page of the run: %s", (_, text) => {
    writeFileSync(at("text"), text);
    program("pulumi", `cat '${at("text")}'`);
    for (const file of ["summary", "output"]) writeFileSync(at(file), "");
    const env = {
      PATH: `${folder.path}:/usr/bin:/bin`,
      MAIL_STACKS: "prod",
      GITHUB_STEP_SUMMARY: at("summary"),
      GITHUB_OUTPUT: at("output"),
    };
    const { status } = spawnSync(join(ROOT, ".ci/stacks"), ["preview"], { cwd: ROOT, env });
    expect(status).toBe(0);
    expectOneBlock(readFileSync(at("summary"), "utf8"), text);
  });

  it.each([...HOSTILE, ["nothing", ""] as const])("in the comment: %s", (_, text) => {
    const workflow = parse(readFileSync(join(ROOT, ".github/workflows/preview.yml"), "utf8")) as {
      jobs: { comment: { steps: { run: string }[] } };
    };
    program("gh", `cat > '${at("body")}'`);
    const env = {
      PATH: `${folder.path}:/usr/bin:/bin`,
      ...{ TEXT: text, NUMBER: "1", REPOSITORY: "o/r", COMMIT: "0", RESULT: "success", RUN_URL: "https://x" },
    };
    const { status } = spawnSync("bash", ["-e", "-c", workflow.jobs.comment.steps[0]?.run ?? ""], { env });
    expect(status).toBe(0);
    const body = readFileSync(at("body"), "utf8");
    expectOneBlock(body.slice(body.indexOf("~~~~")), text);
  });
});

/** CommonMark 4.5: a block ends at a line that has only a run at least as long as the one that began it. */
function expectOneBlock(markdown: string, text: string): void {
  const lines = markdown.trimEnd().split("\n");
  const [, fence = ""] = /^(~{4,})text$/.exec(lines[0] ?? "") ?? [];
  expect(fence).not.toBe("");
  const ends = lines.flatMap((line, index) => {
    const [, run = ""] = /^ {0,3}(~+)\s*$/.exec(line) ?? [];
    return index > 0 && run.length >= fence.length ? [index] : [];
  });
  expect(ends).toEqual([lines.length - 1]);
  expect(markdown).toContain(text);
}
