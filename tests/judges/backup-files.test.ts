import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { hostFiles } from "../../infra/host/files";
import { temporaryFolder } from "../../sandbox/temporary";
import { isBuilt, toolPath } from "../../tools/go-tool";
import { describeWith } from "../needs";
import { BACKUP_KEY, BACKUP_SECRETS, backupSettings } from "../unit/backup/fixtures";
import { documented, EDGE_SECRETS } from "../unit/host/fixtures";

const settings = documented({ backup: backupSettings() });
const files = hostFiles(settings, { ...EDGE_SECRETS, backupKey: BACKUP_KEY });
const MINTED = ["stalwart/secrets/recovery-admin.env", "stalwart/secrets/stalwart-cli.env"];
const folder = temporaryFolder();
const home = join(folder.path, "home");
const apps = join(home, settings.host.folder);
beforeAll(() => {
  const host = [
    ...MINTED.map((path) => ({ path, content: "", mode: "0600" })),
    { path: "mail-stack/.env", content: "MAIL_UID=1000\nMAIL_GID=1000\n", mode: "0644" },
  ];
  for (const { path, content, mode } of [...files, ...host]) {
    mkdirSync(dirname(join(apps, path)), { recursive: true });
    writeFileSync(join(apps, path), content, { mode: Number.parseInt(mode, 8) });
  }
});
afterAll(() => folder.remove());

/** Exit status and all that was said. */
function judge(program: string, ...args: readonly string[]): { status: number | null; said: string } {
  const env = { PATH: process.env["PATH"], HOME: home, XDG_RUNTIME_DIR: folder.path, LC_ALL: "C" };
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8", env });
  return { status, said: stdout + stderr };
}

const named = (end: string) => files.filter(({ path }) => path.endsWith(end)).map(({ path }) => join(apps, path));

describeWith("shellcheck", "Run: apt-get install shellcheck")("shellcheck", () => {
  it("accepts the program of the backups as it lies on the host", () => {
    expect(judge("shellcheck", "-s", "bash", join(apps, "backup/mail-backup"))).toEqual({
      status: 0,
      said: "",
    });
  });
});

describeWith("systemd-analyze", "Run: apt-get install systemd")("systemd-analyze", () => {
  it("accepts the units", () => {
    const units = [...named(".service"), ...named(".timer")];
    expect(units).toHaveLength(7);
    // It looks for the programs that units start, below this HOME.
    expect(judge("systemd-analyze", "--user", "--man=no", "--recursive-errors=no", "verify", ...units)).toEqual({
      status: 0,
      said: "",
    });
  });

  it("runs the jobs at the documented times", () => {
    const times = files.flatMap(({ path, content }) =>
      path.endsWith(".timer") ? [[path.replace(/.*\//, ""), /^OnCalendar=(.*)$/m.exec(content)?.[1] ?? ""]] : [],
    );
    expect(Object.fromEntries(times)).toEqual({
      "mail-backup-export.timer": "*-*-* 02:45:00",
      "mail-backup.timer": "*-*-* 03:00:00",
      "mail-backup-drill.timer": "*-*-01 05:00:00",
    });
    for (const [, time = ""] of times) expect(judge("systemd-analyze", "calendar", time).status).toBe(0);
  });
});

const compose = isBuilt("compose") ? toolPath("compose") : "docker-compose";
describeWith(compose, "With Go: node --import tsx tools/build.ts compose")("docker compose", () => {
  it.each(["mail-stack", "backup/drill"])("accepts %s/compose.yaml with backups", (at) => {
    if (at === "backup/drill") {
      for (const name of ["resend.env", "recovery-admin.env"]) {
        const file = join(apps, "backup/restore/drill/apps/stalwart/secrets", name);
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(file, "");
      }
    }
    expect(
      judge(
        compose,
        "--env-file",
        join(apps, "mail-stack/.env"),
        "--profile",
        "tools",
        "-f",
        join(apps, at, "compose.yaml"),
        "config",
        "--quiet",
      ),
    ).toEqual({
      status: 0,
      said: "",
    });
  });
});

describe("the files of the backups", () => {
  it.each(Object.entries(BACKUP_SECRETS))("show the secret %s to nobody but the host's user", (_, secret) => {
    const holding = files.filter(({ content }) => content.includes(secret));
    expect(holding.map(({ mode }) => mode)).toEqual(["0600"]);
  });

  it("are none without backups", () => {
    expect(hostFiles(documented(), EDGE_SECRETS).filter(({ path }) => path.startsWith("backup/"))).toEqual([]);
  });
});
