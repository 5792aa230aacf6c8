import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

import { unitFiles } from "../../../infra/backup/units";
import { temporaryFolder } from "../../../sandbox/temporary";
import { backupSettings } from "./fixtures";

const SHIP = resolve(__dirname, "../../../infra/host/ship");
const SYSTEMD = resolve(__dirname, "../../../sandbox/host/systemd");
const folder = temporaryFolder();
const apps = join(folder.path, "apps");
const links = join(folder.path, ".config/systemd/user");
afterAll(() => folder.remove());

/** What install.sh does with the units among `paths`. */
function converge(paths: readonly string[], path = `${SYSTEMD}:/usr/bin:/bin`) {
  const script = `set -euo pipefail
apps=$HOME/apps untouched= wanted=(${paths.join(" ")})
quietly() { said=$("$@" 2>&1 </dev/null); }
fail() { printf '%s\\n' "$@" >&2; exit 1; }
. '${SHIP}/units.sh'
guard_units
converge_units`;
  return spawnSync("bash", ["-c", script], { encoding: "utf8", env: { HOME: folder.path, PATH: path } });
}

const files = unitFiles(backupSettings(), "apps");
const without = unitFiles(backupSettings({ drill: "off" }), "apps");

describe("units on the host", () => {
  for (const { path, content } of files) {
    mkdirSync(dirname(join(apps, path)), { recursive: true });
    writeFileSync(join(apps, path), content);
  }

  it("are linked, timers run, also the second time", () => {
    for (const time of [1, 2]) {
      const { status, stderr } = converge(files.map(({ path }) => path));
      expect({ time, status, stderr }).toEqual({ time, status: 0, stderr: "" });
    }
    expect(readdirSync(join(links, "running")).sort()).toEqual([
      "mail-backup-drill.timer",
      "mail-backup-export.timer",
      "mail-backup.timer",
    ]);
    expect(readdirSync(join(links, "default.target.wants"))).toEqual(["mail-backup-start-again.service"]);
  });

  it("go when they are not wanted any more, and nobody else's", () => {
    writeFileSync(join(links, "own.timer"), "");
    expect(converge(without.map(({ path }) => path)).status).toBe(0);
    expect(readdirSync(join(links, "running"))).not.toContain("mail-backup-drill.timer");
    expect(existsSync(join(links, "mail-backup-drill.service"))).toBe(false);
    expect(converge(["onhost/onhost.cjs"]).status).toBe(0);
    expect(readdirSync(links).filter((name) => /\.(timer|service)$/.test(name))).toEqual(["own.timer"]);
  });

  it("are refused before anything is installed when timers would end at logout", () => {
    const programs = join(folder.path, "programs");
    mkdirSync(programs);
    writeFileSync(join(programs, "loginctl"), "#!/bin/sh\necho no\n", { mode: 0o755 });
    const { status, stderr } = converge(
      files.map(({ path }) => path),
      `${programs}:${SYSTEMD}:/usr/bin:/bin`,
    );
    expect(status).toBe(1);
    expect(stderr).toMatch(/sudo loginctl enable-linger \w+; then: pulumi up/);
  });
});
