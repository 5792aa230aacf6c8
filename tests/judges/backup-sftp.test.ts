import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { dirname, join } from "node:path";

import { parseRepository } from "../../infra/settings/backup";
import { parseStorageHostKeys, parseStorageKey } from "../../infra/settings/backup-sftp";
import { Secret } from "../../infra/settings/secret";
import type { BackupSettings, SftpLogin } from "../../infra/settings/settings";
import { type TemporaryFolder, temporaryFolder } from "../../sandbox/temporary";
import { isBuilt, toolPath } from "../../tools/go-tool";
import { fromDocs } from "../docs";
import { REQUIRE_ALL } from "../needs";
import { type BackupHost, CAN_MOUNT, mail, startBackupHost } from "./backup/host";
import { HAS_MAIL_HOST, type MailHost, startMailHost } from "./backup/mail-host";
import { type Operator, startOperator } from "./backup/operator";
import { type RepositoryServer, startCable, startSftpServer } from "./backup/servers";
import { contents } from "./backup/contents";
import { makeKey, SSHD, SSHD_INSTALL } from "./ssh/sshd";

jest.setTimeout(120_000);

const REPOSITORY = fromDocs(
  "docs/backup.md",
  "echo sftp://u1@storage.example.org:23//home/mail | pulumi config set --secret mail:backupRepository --stack prod",
);

const hasAll = REQUIRE_ALL || (isBuilt("restic") && CAN_MOUNT && existsSync(SSHD));
if (!hasAll)
  process.stderr.write(`skipped: backups over SFTP need root, restic and OpenSSH's server. ${SSHD_INSTALL}\n`);

/** A user of the host that no image knows. */
const USER = 4711;
const LOGINS = ["secrets/recovery-admin.env", "secrets/stalwart-cli.env"] as const;

(hasAll ? describe : describe.skip)("mail-backup against OpenSSH's SFTP server", () => {
  let folder: TemporaryFolder;
  let server: RepositoryServer;
  let cable: Awaited<ReturnType<typeof startCable>>;
  let host: BackupHost;
  beforeAll(async () => {
    folder = temporaryFolder();
    server = await startSftpServer(folder.path);
    cable = await startCable(server.port);
    host = await startBackupHost(server, "i3", join(folder.path, "chain.pem"), cable.port);
    writeFileSync(join(host.apps, "mail-stack/.env"), `MAIL_UID=${USER}\nMAIL_GID=${USER}\n`);
    for (const name of ["000001.sst", "MANIFEST-1", "CURRENT"]) mail(host.apps, name);
    for (const path of ["stalwart/data/export", "stalwart/keys", "traefik/acme"])
      mkdirSync(join(host.apps, path), { recursive: true });
    for (const path of ["data/export/manifest.json", "keys/worker-1", "version", ...LOGINS])
      writeFileSync(join(host.apps, "stalwart", path), `${path} of the first host\n`);
  });
  afterAll(() => {
    host.close();
    cable.stop();
    server.stop();
    folder.remove();
  });

  const snapshots = async () =>
    JSON.parse((await host.run("snapshots --json")).stdout) as { id: string; paths: string[] }[];
  const shipped = (sftp: Partial<SftpLogin>): Partial<BackupSettings> => ({
    target: {
      kind: "repository",
      url: new Secret(server.url("i3", cable.port)),
      environment: new Secret(""),
      sftp: { privateKey: new Secret(""), hostKeys: [], ...server.sftp, ...sftp },
    },
  });

  /** A backup that must fail and be told, with Stalwart running afterwards. */
  async function failed(): Promise<{ readonly stderr: string; readonly alert: string }> {
    host.posts();
    const { code, stderr } = await host.run("backup");
    const posts = host.posts();
    expect(posts.join("")).not.toContain("\r");
    const alert = /^\/alert mail-backup backup on stalwart\.augustin\.ai failed: (.*)/.exec(posts[1] ?? "")?.[1] ?? "";
    expect({ code, posts, alert }).toEqual({
      code: 1,
      posts: ["/beat/start ", expect.any(String), expect.stringMatching(/^\/beat\/fail /)] as unknown,
      alert: expect.stringMatching(/./) as unknown,
    });
    expect(existsSync(join(host.home, "engine/running mail-stack stalwart"))).toBe(true);
    return { stderr, alert };
  }

  it("makes the repository once, then backs up", async () => {
    const { code, stderr } = await host.run("backup");
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringContaining("created restic repository") as unknown,
    });
    expect(host.posts()).toEqual(["/beat/start ", "/beat "]);
    expect((await snapshots()).map(({ paths }) => paths)).toEqual([["/apps", "/export", "/stalwart-data"]]);
  });

  it("backs up again, checks all and restores what was there", async () => {
    mail(host.apps, "000002.sst", 300_000);
    expect((await host.run("backup")).code).toBe(0);
    expect(await snapshots()).toHaveLength(2);
    expect((await host.run("check --all")).code).toBe(0);
    const wanted = contents(join(host.apps, "stalwart/data"));
    const { code, stderr } = await host.run("restore mail");
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    expect(contents(join(host.apps, "stalwart/data"))).toEqual(wanted);
  });

  it.each(["the same type", "another type"])(
    "does not talk to a storage with another host key than the setting's, which is of %s",
    async (kind) => {
      const type = kind === "the same type" ? "ed25519" : "ecdsa";
      const key = join(folder.path, `other-${type}`);
      host.ship(shipped({ hostKeys: [makeKey(key, type)] }));
      const { stderr, alert } = await failed();
      host.ship({});
      expect(stderr).toContain("Host key verification failed.");
      expect(alert).toBe(
        "The repository cannot be opened: the storage shows another host key than mail:backupSshHostKey.",
      );
    },
  );

  it("says that the storage does not take the key", async () => {
    const key = join(folder.path, "other-user-key");
    makeKey(key);
    host.ship(shipped({ privateKey: new Secret(readFileSync(key, "utf8")) }));
    const { alert } = await failed();
    host.ship({});
    expect(alert).toContain("the storage does not take mail:backupSshPrivateKey");
  });

  it("tells that the storage is gone, and goes on when it is back", async () => {
    cable.cutAfter(0);
    const { alert } = await failed();
    cable.mend();
    expect(alert).toMatch(
      /^The repository cannot be opened \(restic ended with status 1\): Fatal: .*; .*(closed|reset|Broken pipe)/i,
    );
    expect((await host.run("backup")).code).toBe(0);
  });

  it("makes no new repository in the place of one that is gone", async () => {
    const place = server.folderOf("i3");
    renameSync(place, `${place}.gone`);
    const { alert } = await failed();
    expect(existsSync(join(place, "config"))).toBe(false);
    expect(alert).toContain("the repository is not there");
    rmSync(place, { recursive: true, force: true });
    renameSync(`${place}.gone`, place);
  });

  it.each([
    { how: "cut", says: /closed|reset|Broken pipe/i },
    { how: "closed", says: /the storage has closed the connection/ },
  ] as const)(
    "tells that the connection was $how in the middle, and the next run removes the lock and goes on",
    async ({ how, says }) => {
      writeFileSync(join(host.apps, "stalwart/data/000009.sst"), randomBytes(40_000_000));
      const before = (await snapshots()).map(({ id }) => id);
      cable.cutAfter(20_000_000, how);
      const { alert } = await failed();
      cable.mend();
      expect(alert).toMatch(/^The backup failed \(restic ended with status 1\): Fatal: .*; /);
      expect(alert).toMatch(says);
      expect((await snapshots()).map(({ id }) => id)).toEqual(before);
      expect(readdirSync(join(server.folderOf("i3"), "locks"))).not.toEqual([]);
      expect((await host.run("backup")).code).toBe(0);
      expect(readdirSync(join(server.folderOf("i3"), "locks"))).toEqual([]);
      expect((await host.run("check --all")).code).toBe(0);
    },
  );

  it("fills a new host, which goes on with the same repository", async () => {
    const other = await startBackupHost(server, "i3", join(folder.path, "chain.pem"));
    try {
      writeFileSync(join(other.apps, "mail-stack/.env"), `MAIL_UID=${USER}\nMAIL_GID=${USER}\n`);
      for (const path of ["stalwart/keys", "traefik/acme"]) mkdirSync(join(other.apps, path), { recursive: true });
      writeFileSync(join(other.apps, "stalwart/version"), "of another release\n");
      const { code, stderr } = await other.run("restore host");
      expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
      for (const path of ["data", "keys", "secrets"])
        expect(contents(join(other.apps, "stalwart", path))).toEqual(contents(join(host.apps, "stalwart", path)));
      expect((await other.run("backup")).code).toBe(0);
      expect((await other.run("check")).code).toBe(0);
    } finally {
      other.close();
    }
  });

  it("takes a login and host keys that were made and fetched as the page says", () => {
    const made = join(folder.path, "by the page");
    mkdirSync(join(made, ".ssh"), { recursive: true });
    const commands = [
      fromDocs("docs/backup.md", "ssh-keygen -t ed25519 -N '' -C mail-backup -f ~/.ssh/mail-storage"),
      fromDocs("docs/backup.md", "ssh-keyscan -p 23 storage.example.org > storage-host-keys")
        .replace("23", String(server.port))
        .replace("storage.example.org", "127.0.0.1"),
      fromDocs("docs/backup.md", "ssh-keygen -lf storage-host-keys"),
      // The other half of the pipe is typed in tests/engine/commands.test.ts.
      `${REPOSITORY.split(" | ")[0] ?? ""} > repository-url`,
    ];
    for (const command of commands) {
      const env = { ...process.env, HOME: made };
      const { status, stderr } = spawnSync("bash", ["-c", command], { cwd: made, encoding: "utf8", env });
      expect({ command, status, stderr: status === 0 ? "" : stderr }).toEqual({ command, status: 0, stderr: "" });
    }
    const file = (name: string) => readFileSync(join(made, name), "utf8");
    expect(parseStorageKey(file(".ssh/mail-storage"), true)).toMatchObject({ ok: true });
    expect(parseStorageHostKeys(file("storage-host-keys"), true)).toEqual({ ok: true, value: server.sftp?.hostKeys });
    expect(parseRepository(file("repository-url").trim(), "repository")).toMatchObject({ ok: true });
  });

  it("asks nobody, trusts nobody and waits no longer than is written, as ssh itself reads its configuration", () => {
    const { stdout } = spawnSync("ssh", ["-G", "-F", join(host.apps, "backup/ssh/config"), "storage.example.org"], {
      encoding: "utf8",
    });
    const options = stdout.split("\n");
    for (const option of [
      ...["batchmode yes", "stricthostkeychecking true", "updatehostkeys false", "identitiesonly yes"],
      ...["identityagent none", "preferredauthentications publickey", "hostkeyalias backup-storage"],
      ...["identityfile /apps/backup/secrets/ssh-key", "userknownhostsfile /apps/backup/ssh/known-hosts"],
      ...["globalknownhostsfile /dev/null", "connecttimeout 30", "serveraliveinterval 30", "serveralivecountmax 6"],
    ])
      expect(options).toContain(option);
  });
});

const hasMail = hasAll && HAS_MAIL_HOST;
if (!hasMail) process.stderr.write("skipped: recovery over SFTP needs root, Cyrus, restic and rest-server\n");

const MESSAGE =
  "From: a@example.net\r\nTo: root@example.org\r\nSubject: kept\r\nMessage-ID: <1@example.net>\r\n\r\nKept.\r\n";

(hasMail ? describe : describe.skip)("a mail server with backups over SFTP", () => {
  let storage: RepositoryServer;
  let mailHost: MailHost;
  let operator: Operator;
  beforeAll(async () => {
    mailHost = await startMailHost(async (folder) => (storage = await startSftpServer(folder)));
    operator = await startOperator(mailHost.folder, mailHost.host);
    mailHost.append(MESSAGE);
    await mailHost.did("export");
    await mailHost.did("backup");
    // As docs/backup.md sets it up: what Pulumi has encrypted is not to be read here.
    operator.setUp({ backup: "repository", backupSshHostKey: storage.sftp?.hostKeys[0] ?? "" });
    const stackFile = join(mailHost.folder, "checkout/Pulumi.prod.yaml");
    const encrypted = ["backupRepository", "backupSshPrivateKey"].map((key) => `  mail:${key}:\n    secure: v1:abc\n`);
    const file = readFileSync(stackFile, "utf8").replace(/^config:\n/m, `config:\n${encrypted.join("")}`);
    writeFileSync(stackFile, file);
  });
  afterAll(async () => {
    await operator.close();
    await mailHost.close();
  });

  it("is drilled", async () => {
    const { code, stdout, stderr } = await mailHost.host.run("drill");
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^The newest snapshot restores: 1 messages, 1 listed, /);
  });

  it("is recovered by one command", async () => {
    await mailHost.stop();
    rmSync(join(mailHost.data, "spool"), { recursive: true });
    const { code, stdout, stderr } = await operator.recover("restore", "--yes");
    expect({ code, said: code === 0 ? "" : stdout + stderr }).toEqual({ code: 0, said: "" });
    expect(await mailHost.inbox()).toEqual([MESSAGE]);
  });

  it("has a recovery kit with which its mail is read on another machine", async () => {
    const { code, stdout: page, stderr } = await operator.kit();
    expect({ code, stderr, page }).toEqual({
      code: 0,
      stderr: "",
      page: expect.stringContaining("over SFTP") as unknown,
    });
    const folder = temporaryFolder();
    try {
      const at = (name: string) => join(folder.path, name);
      writeFileSync(at("key"), storage.sftp?.privateKey.reveal() ?? "", { mode: 0o600 });
      writeFileSync(at("hosts"), (page.match(/^ +storage ssh-.*$/gm) ?? []).join("\n"));
      writeFileSync(at("password"), readFileSync(join(mailHost.host.apps, "backup/secrets/password")));
      const command = (/^ +(restic -r REPOSITORY .*)$/m.exec(page)?.[1] ?? "exit 99")
        .replace("REPOSITORY", storage.url("i3"))
        .replace("KEY-FILE", at("key"))
        .replace("HOSTS-FILE", at("hosts"))
        .replace("FOLDER", at("mail"));
      const { status, stderr } = spawnSync("bash", ["-c", command], {
        encoding: "utf8",
        env: {
          HOME: folder.path,
          PATH: `${dirname(toolPath("restic"))}:/usr/bin:/bin`,
          RESTIC_PASSWORD_FILE: at("password"),
        },
      });
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      const found = readdirSync(at("mail"), { recursive: true, encoding: "utf8" }).filter((path) =>
        /\.eml$/.test(path),
      );
      expect(found.map((path) => readFileSync(join(at("mail"), path), "latin1"))).toEqual([MESSAGE]);
    } finally {
      folder.remove();
    }
  });
});
