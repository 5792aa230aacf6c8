import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { backupPasswordScript, keyScript, retireScript, stopCommand } from "../../infra/host/ship/script";
import { hostScript } from "../../ops/upgrade/script";
import { describeWith } from "../needs";

import { install } from "./ssh/files";

/** A function that only a trap calls is no mistake; nor is a name that not every script uses, nor a secret with a `$`. */
const EXCEPTIONS = ["SC2317", "SC2034", "SC2016"];

describeWith("shellcheck", "Install Debian's shellcheck.")("shellcheck", () => {
  function judge(script: string): { status: number | null; said: string } {
    const { status, stdout } = spawnSync("shellcheck", ["-s", "bash", "-e", EXCEPTIONS.join(","), "-"], {
      input: script,
      encoding: "utf8",
    });
    return { status, said: stdout };
  }

  const withoutFiles = (script: string) => script.slice(0, script.indexOf("main; exit") + "main; exit\n".length);

  it.each([
    ["the script that installs", withoutFiles(install())],
    ["the script for the key", keyScript("apps", 1, "172.30.25.20")],
    ["the script for the backups' password", backupPasswordScript("apps", "0".repeat(64))],
    ["the script that withdraws keys", retireScript("apps", 2)],
    ["what an upgrade does on the host", hostScript("guard", "apps", "0.16.19")],
    ["the command that stops", stopCommand("apps")],
    ["the script of the workflows", readFileSync(join(__dirname, "..", "..", ".ci", "stacks"), "utf8")],
    ["what bash gets from that", stopCommand("apps").slice("bash -c '".length, -1)],
  ])("accepts %s", (_what, script) => {
    expect(judge(script)).toEqual({ status: 0, said: "" });
  });

  it("refuses a variable without quotes", () => {
    expect(
      judge(keyScript("apps", 1, "172.30.25.20").replace('rm -rf -- "$staging"', "rm -rf -- $staging")).said,
    ).toContain("SC2086");
  });
});
