import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { join } from "node:path";

import { Secret } from "../../infra/settings/secret";
import { type TemporaryFolder, temporaryFolder } from "../../sandbox/temporary";
import { isBuilt, toolPath } from "../../tools/go-tool";
import { fromDocs } from "../docs";
import { REQUIRE_ALL } from "../needs";
import { type BackupHost, CAN_MOUNT, mail, startBackupHost } from "./backup/host";
import { type RepositoryServer, startCable, startRestServer, startS3 } from "./backup/servers";
import { contents } from "./backup/contents";

jest.setTimeout(60_000);

const TOOLS = ["restic", "rest-server", "versitygw"] as const;
const hasAll = REQUIRE_ALL || (TOOLS.every(isBuilt) && CAN_MOUNT);
if (!hasAll)
  process.stderr.write(
    `skipped: backups need root and restic. With Go: node --import tsx tools/build.ts ${TOOLS.join(" ")}\n`,
  );

(hasAll ? describe : describe.skip).each([
  ["rest-server", startRestServer],
  ["an S3 server", startS3],
])("mail-backup against %s over TLS", (_, startServer) => {
  let folder: TemporaryFolder;
  let server: RepositoryServer;
  let host: BackupHost;
  let trust: string;
  beforeAll(async () => {
    folder = temporaryFolder();
    server = await startServer(folder.path);
    trust = join(folder.path, "chain.pem");
    host = await startBackupHost(server, "i3", trust);
    for (const name of ["000001.sst", "000002.sst", "MANIFEST-1", "CURRENT"]) mail(host.apps, name);
    mkdirSync(join(host.apps, "stalwart/data/export/accounts"), { recursive: true });
    writeFileSync(join(host.apps, "stalwart/data/export/manifest.json"), "{}");
    writeFileSync(join(host.apps, "stalwart/data/export/accounts/one.eml"), "Subject: Kept by restic\r\n\r\n");
  });
  afterAll(() => {
    host.close();
    server.stop();
    folder.remove();
  });

  const snapshots = async () =>
    JSON.parse((await host.run("snapshots --json")).stdout) as { id: string; paths: string[] }[];

  it("makes the repository once, then backs up", async () => {
    const { code, stderr } = await host.shell(fromDocs("docs/backup.md", "~/apps/backup/mail-backup backup"));
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringContaining("created restic repository") as unknown,
    });
    expect(host.posts()).toEqual(["/beat/start ", "/beat "]);
    expect((await snapshots()).map(({ paths }) => paths)).toEqual([["/apps", "/export", "/stalwart-data"]]);
    expect(host.status()).toMatchObject({
      backup: { success: expect.stringMatching(/Z$/) as unknown, failure: null },
      check: { success: expect.stringMatching(/Z$/) as unknown },
    });
  });

  it("stops Stalwart for the copy only, and starts it before anything is sent", async () => {
    host.calls();
    expect((await host.run("backup")).code).toBe(0);
    const calls = host.calls().map((call) => call.replace(/^compose --progress quiet -f \S+ /, ""));
    const at = (text: string) => calls.findIndex((call) => call.includes(text));
    expect(at("stop stalwart")).toBeGreaterThan(at("restic cat config"));
    expect(at("start stalwart")).toBe(at("stop stalwart") + 1);
    expect(at("restic backup")).toBe(at("start stalwart") + 1);
  });

  it("holds what was there, and no live data, caches or copies", async () => {
    mail(host.apps, "000003.sst", 300_000);
    expect((await host.run("backup")).code).toBe(0);
    // Of one day the last is kept, and the very first, because there are fewer weeks than are to be kept.
    expect(await snapshots()).toHaveLength(2);
    const wanted = contents(join(host.apps, "stalwart/data"));
    const { code, stdout, stderr } = await host.run("restore mail");
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("Restored. What was there before is in ");
    expect(contents(join(host.apps, "stalwart/data"))).toEqual(wanted);
    const aside = readdirSync(join(host.apps, "stalwart")).find((name) => name.startsWith("data.before-")) ?? "";
    expect(contents(join(host.apps, "stalwart", aside))).toEqual(wanted);
    rmSync(join(host.apps, "stalwart", aside), { recursive: true });
  });

  it("checks all data", async () => {
    host.calls();
    expect((await host.shell(fromDocs("docs/backup.md", "~/apps/backup/mail-backup check --all"))).code).toBe(0);
    expect(host.calls().join("\n")).toContain(fromDocs("docs/backup.md", "restic check"));
  });

  it("answers to its other commands, by hand in a login of the host's user", async () => {
    const all = await host.shell(fromDocs("docs/backup.md", "~/apps/backup/mail-backup"));
    expect(all.stdout + all.stderr).toContain("mail-backup start-again");
    for (const command of [
      fromDocs("docs/backup.md", "~/apps/backup/mail-backup snapshots"),
      fromDocs("docs/backup.md", "~/apps/backup/mail-backup status"),
      fromDocs("docs/backup.md", "mail-backup status"),
      fromDocs("docs/backup.md", "mail-backup unlock"),
      fromDocs("docs/backup.md", "mail-backup check --all"),
    ])
      expect({ command, ...(await host.shell(`PATH=~/apps/backup:$PATH; ${command}`)) }).toMatchObject({ code: 0 });
    const fresh = await startBackupHost(server, "fresh", trust);
    const init = fromDocs("docs/backup.md", "mail-backup init");
    expect((await fresh.shell(`PATH=~/apps/backup:$PATH; ${init}`)).code).toBe(0);
    fresh.close();
  });

  it("gives the mail to restic alone, without this program", async () => {
    const place = "s3:https://s3.REGION.amazonaws.com/BUCKET/PREFIX";
    const restore = fromDocs(
      "docs/recover.md",
      `restic -r s3:https://s3.REGION.amazonaws.com/BUCKET/PREFIX restore latest --include /export --target mail`,
    );
    const environment = Object.entries(server.environment).map(([key, value]) => `export ${key}='${value}'\n`);
    const login = `export RESTIC_PASSWORD_FILE=~/apps/backup/secrets/password RESTIC_CACERT='${trust}'\n${environment.join("")}`;
    const search = fromDocs("docs/recover.md", "grep -ril 'TEXT' mail/export");
    const restic = restore.replace(place, server.url("i3")).replace("restic", `'${toolPath("restic")}' --no-cache`);
    const { code, stdout, stderr } = await host.shell(`${login}${restic} >&2\n${search.replace("TEXT", "kept by")}`);
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout.trim()).toBe("mail/export/accounts/one.eml");
  });

  it("says that the password is wrong, makes nothing and tells of it", async () => {
    host.posts();
    host.ship({ password: new Secret("another-password-entirely") });
    const { code, stderr } = await host.run("backup");
    host.ship({});
    expect(code).toBe(1);
    expect(stderr).toContain("the password is not the repository's");
    expect(host.posts()).toEqual([
      "/beat/start ",
      expect.stringMatching(/^\/alert mail-backup backup on stalwart\.augustin\.ai failed: .*password/),
      expect.stringMatching(/^\/beat\/fail /),
    ]);
    expect(host.status()["backup"]?.["why"]).toContain("password");
  });

  it("makes no new repository in the place of one that is gone", async () => {
    const place = server.folderOf("i3");
    renameSync(place, `${place}.gone`);
    const { code, stderr } = await host.run("backup");
    expect({ code, isThere: existsSync(join(place, "config")) }).toEqual({ code: 1, isThere: false });
    expect(stderr).toContain("the repository is not there");
    rmSync(place, { recursive: true, force: true });
    renameSync(`${place}.gone`, place);
    expect((await host.run("backup")).code).toBe(0);
  });

  it("removes a lock that a killed run of this host has left", async () => {
    mail(host.apps, "000004.sst", 30_000_000);
    host.calls();
    await host.run("backup", { killAt: "restic backup" });
    // Stalwart was started before; nothing else is left but perhaps a lock. An exclusive one hinders everybody.
    const lock = exclusiveLock(host, server, trust);
    expect(lock).toBe(true);
    const { code, stderr } = await host.run("backup");
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  });

  it("starts Stalwart again after it was killed in the middle of the copy", async () => {
    const running = join(host.home, "engine/running mail-stack stalwart");
    host.calls();
    host.hook("stop", "exit 0");
    host.hook("start", "sleep 5");
    await host.run("backup", { killAt: "start stalwart" });
    host.hook("start", undefined);
    expect(existsSync(running)).toBe(false);
    expect((await host.run("start-again")).code).toBe(0);
    expect(existsSync(running)).toBe(true);
    host.calls();
    await host.run("start-again");
    expect(host.calls()).toEqual([]);
  });

  it("starts Stalwart again and says so when the disk is full", async () => {
    host.posts();
    const work = join(host.apps, "backup/work");
    // A disk of its own for the copies, too small for them.
    mail(host.apps, "LOG", 3_000_000);
    spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "none", work]);
    try {
      const { code, stderr } = await host.run("backup");
      expect(code).toBe(1);
      expect(stderr).toContain("the disk may be full");
    } finally {
      spawnSync("umount", [work]);
    }
    expect(existsSync(join(host.home, "engine/running mail-stack stalwart"))).toBe(true);
    expect(host.posts().join()).toContain("/alert");
    expect((await host.run("backup")).code).toBe(0);
  });

  it("goes on the next time when the network is cut in the middle", async () => {
    const cable = await startCable(server.port);
    const other = await startBackupHost(server, "cable", trust, cable.port);
    try {
      mail(other.apps, "CURRENT");
      expect((await other.run("backup")).code).toBe(0);
      writeFileSync(join(other.apps, "stalwart/data/000009.sst"), randomBytes(40_000_000));
      cable.cutAfter(5_000_000);
      const cut = other.run("backup");
      // restic itself tries for 15 minutes; the cable is mended before that.
      setTimeout(() => cable.mend(), 5_000);
      expect((await cut).code).toBe(0);
      expect((await other.run("check --all")).code).toBe(0);
    } finally {
      other.close();
      cable.stop();
    }
  });

  it("runs one at a time", async () => {
    const [first, second] = await Promise.all([host.run("backup"), host.run("backup")]);
    expect([first.code, second.code]).toEqual([0, 0]);
    const calls = host.calls().filter((call) => /(stop|start) stalwart/.test(call));
    const verbs = calls.slice(-4).map((call) => /(stop|start) stalwart/.exec(call)?.[1]);
    expect(verbs).toEqual(["stop", "start", "stop", "start"]);
  });
});

/** Leaves the exclusive lock of a `prune` that was killed. */
function exclusiveLock(host: BackupHost, server: RepositoryServer, trust: string): boolean {
  const password = join(host.apps, "backup/secrets/password");
  const args = ["--cacert", trust, "-r", server.url("i3"), "--password-file", password, "--no-cache"];
  const script = `hostname stalwart.augustin.ai; "$RESTIC" ${args.map((word) => `'${word}'`).join(" ")} prune & sleep 0.05
for try in $(seq 400); do [ -z "$(ls ${server.folderOf("i3")}/locks 2>/dev/null)" ] || break; sleep 0.01; done
kill -9 $!; ls ${server.folderOf("i3")}/locks`;
  const RESTIC = toolPath("restic");
  const { stdout } = spawnSync("unshare", ["--uts", "bash", "-c", script], {
    encoding: "utf8",
    env: { PATH: process.env["PATH"], HOME: host.home, RESTIC, ...server.environment },
  });
  return /[0-9a-f]{64}/.test(stdout);
}
