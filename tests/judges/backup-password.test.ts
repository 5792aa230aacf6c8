import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { Secret } from "../../infra/settings/secret";
import { type TemporaryFolder, temporaryFolder } from "../../sandbox/temporary";
import { isBuilt, toolPath } from "../../tools/go-tool";
import { fromDocs, words } from "../docs";
import { REQUIRE_ALL } from "../needs";
import { type BackupHost, CAN_MOUNT, mail, startBackupHost } from "./backup/host";
import { type RepositoryServer, startRestServer, startS3 } from "./backup/servers";

jest.setTimeout(60_000);

const TOOLS = ["restic", "rest-server", "versitygw"] as const;
const hasAll = REQUIRE_ALL || (TOOLS.every(isBuilt) && CAN_MOUNT);
if (!hasAll)
  process.stderr.write(
    `skipped: the backups' password needs root and restic. With Go: node --import tsx tools/build.ts ${TOOLS.join(" ")}\n`,
  );

const password = (number: number) => new Secret(`password-number-${number}-of-the-backups`);

(hasAll ? describe : describe.skip).each([
  { at: "rest-server", startServer: startRestServer, isFull: true },
  // Each call of restic takes a second of work, so that nobody can try passwords fast: here only what the server matters for.
  { at: "an S3 server", startServer: startS3, isFull: false },
])("a new password for a repository of the real restic on $at", ({ startServer, isFull }) => {
  let folder: TemporaryFolder;
  let server: RepositoryServer;
  let host: BackupHost;
  let trust: string;
  /** The one that the repository has; each test ends with it. */
  let present = 1;

  /** Ships the present password and the one before, as `pulumi up` does. */
  const ship = (now: number, before?: number) => {
    rmSync(join(host.apps, "backup/secrets/former-password"), { force: true });
    host.ship({ password: password(now), previousPassword: before === undefined ? undefined : password(before) });
  };
  /** What restic itself says, beside the host. */
  const restic = (number: number, ...args: readonly string[]) =>
    spawnSync(toolPath("restic"), ["--cacert", trust, "-r", server.url("i3"), "--no-cache", "--no-lock", ...args], {
      encoding: "utf8",
      env: { ...process.env, ...server.environment, RESTIC_PASSWORD: password(number).reveal() },
    });
  const opens = (number: number) => restic(number, "cat", "config").status === 0;
  const keys = (number: number) => (JSON.parse(restic(number, "key", "list", "--json").stdout) as unknown[]).length;

  beforeAll(async () => {
    folder = temporaryFolder();
    server = await startServer(folder.path);
    trust = join(folder.path, "chain.pem");
    host = await startBackupHost(server, "i3", trust);
    mkdirSync(join(host.apps, "stalwart/data/export"), { recursive: true });
    for (const name of ["000001.sst", "CURRENT"]) mail(host.apps, name);
    ship(1);
  });
  afterAll(() => {
    host.close();
    server.stop();
    folder.remove();
  });

  it("is nothing to do before there is a repository", async () => {
    ship(1, 99);
    expect(await host.run("password")).toMatchObject({ code: 0, stdout: "There is no repository yet.\n" });
    ship(1);
    expect((await host.run("backup")).code).toBe(0);
  });

  it("opens it, the former one no longer does, and the snapshots can be restored", async () => {
    const before = readFileSync(join(host.apps, "stalwart/data/000001.sst"), "latin1");
    ship(2, 1);
    host.calls();
    const { code, stdout, stderr } = await host.run("password");
    // Who sees the processes or the log sees no password.
    expect(host.calls().join() + stdout + stderr).not.toContain("password-number");
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining("with the new password") as unknown });
    expect([opens(1), opens(2), keys(2)]).toEqual([false, true, 1]);
    expect(restic(1, "snapshots").status).toBe(12);
    ship(2);
    const target = join(folder.path, "restored");
    expect(restic(2, "restore", "latest", "--target", target).status).toBe(0);
    expect(readFileSync(join(target, "stalwart-data/000001.sst"), "latin1")).toBe(before);
    expect((await host.run("check --all")).code).toBe(0);
    expect((await host.run("restore mail")).code).toBe(0);
    present = 2;
  });

  if (!isFull) return;

  it("that is not given yet leaves the host with a repository that it can use", async () => {
    const [now, before] = [present + 1, present];
    ship(now, before);
    expect((await host.run("snapshots")).code).toBe(0);
    expect((await host.run("restore export")).code).toBe(0);
    expect([opens(before), opens(now)]).toEqual([true, false]);
    ship(present);
  });

  it("is given by the next backup when nobody else has", async () => {
    const [now, before] = [present + 1, present];
    ship(now, before);
    const { code, stderr } = await host.run("backup");
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    expect([opens(before), opens(now), keys(now)]).toEqual([false, true, 1]);
    present = now;
    ship(present);
  });

  it.each([
    ["when it has looked", "restic cat config"],
    ["while the new key is added", "restic key add"],
    ["before the former one is removed", "restic key list"],
    ["while the former one is removed", "restic key remove"],
  ])("killed %s, one of the two opens it, and the same again ends it", async (_when, killAt) => {
    const [now, before] = [present + 1, present];
    ship(now, before);
    host.calls();
    expect((await host.run("password", { killAt })).code).toBe(null);
    expect(opens(now) || opens(before)).toBe(true);
    const { code, stderr } = await host.run("password");
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    expect([opens(before), opens(now), keys(now)]).toEqual([false, true, 1]);
    present = now;
    ship(present);
  });

  it("is not given where the former one is wrong: nothing is changed, and the message names the setting", async () => {
    ship(50, 51);
    const { code, stderr } = await host.run("password");
    expect(code).toBe(1);
    expect(stderr).toContain("neither the new password nor the former one is the repository's");
    expect(stderr).toContain("mail:backupPasswordPrevious");
    expect([opens(present), keys(present)]).toEqual([true, 1]);
    ship(present);
  });

  it("takes away every key of the former password, and no other", async () => {
    const file = join(folder.path, "more");
    for (const number of [present, 70]) {
      writeFileSync(file, `${password(number).reveal()}\n`);
      const { status, stderr } = restic(present, "key", "add", "--new-password-file", file);
      expect({ status, stderr: status === 0 ? "" : stderr }).toEqual({ status: 0, stderr: "" });
    }
    ship(present + 1, present);
    expect((await host.run("password")).code).toBe(0);
    expect([opens(present), opens(present + 1), opens(70), keys(70)]).toEqual([false, true, true, 2]);
    present += 1;
    ship(present);
  });

  it("ends for a former one by hand too, where a server has kept its key", () => {
    const before = keys(present);
    const file = join(folder.path, "kept");
    writeFileSync(file, `${password(80).reveal()}\n`);
    expect(restic(present, "key", "add", "--new-password-file", file).status).toBe(0);
    const listed = JSON.parse(restic(80, "key", "list", "--json").stdout) as { id: string; current: boolean }[];
    const id = listed.find(({ current }) => current)?.id ?? "none";
    const [, ...told] = words(fromDocs("docs/operate.md", "restic key remove ID").replace("ID", id));
    expect(restic(present, ...told).status).toBe(0);
    expect([opens(80), opens(present), keys(present)]).toEqual([false, true, before]);
  });

  it("that cannot be given hinders no backup, and somebody is told", async () => {
    const [now, before] = [present + 1, present];
    ship(now, before);
    host.posts();
    host.hook("refuse", "key add");
    const { code } = await host.run("backup");
    host.hook("refuse", undefined);
    expect(code).toBe(0);
    expect(host.posts()).toContainEqual(expect.stringMatching(/^\/alert The repository's password .* not changed yet/));
    expect([opens(before), opens(now)]).toEqual([true, false]);
    expect((await host.run("password")).code).toBe(0);
    present = now;
    ship(present);
    expect((await host.run("backup")).code).toBe(0);
  });
});
