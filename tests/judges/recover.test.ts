import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { bundleOnhost } from "../../infra/host/onhost";
import { recoveryPlan, type Scenario } from "../../ops/recover/plans";
import { type TemporaryFolder, temporaryFolder } from "../../sandbox/temporary";
import { isBuilt } from "../../tools/go-tool";
import { REQUIRE_ALL } from "../needs";
import { backupSettings } from "../unit/backup/fixtures";
import { documented } from "../unit/host/fixtures";
import { type BackupHost, CAN_MOUNT, startBackupHost } from "./backup/host";
import { type RepositoryServer, startRestServer } from "./backup/servers";
import { ImapClient } from "./cyrus/imap";
import { type Cyrus, CYRUS_MASTER, PASSWORD, ROOT, startCyrus } from "./cyrus/server";

jest.setTimeout(120_000);

const canRun = REQUIRE_ALL || (isBuilt("restic") && isBuilt("rest-server") && CAN_MOUNT && existsSync(CYRUS_MASTER));
if (!canRun) process.stderr.write("skipped: recovery needs root, Cyrus, restic and rest-server\n");

const MESSAGE =
  "From: a@example.net\r\nTo: root@example.org\r\nSubject: kept\r\nMessage-ID: <1@example.net>\r\n\r\nKept.\r\n";

/**
 * Cyrus stands in for Stalwart: a mail server whose store lies in stalwart/data, is stopped and started by the real scripts
 * and read over IMAP. restic, its server and the program on the host are the real ones.
 */
(canRun ? describe : describe.skip)("recovery, from a broken state to a mail read over IMAP", () => {
  const settings = documented({ backup: backupSettings() });
  let folder: TemporaryFolder;
  let server: RepositoryServer;
  let host: BackupHost;
  let cyrus: Cyrus;
  let data: string;

  beforeAll(async () => {
    folder = temporaryFolder();
    server = await startRestServer(folder.path);
    host = await startBackupHost(server, "i3", join(folder.path, "chain.pem"));
    data = join(host.apps, "stalwart/data");
    chmodSync(data, 0o755);
    cyrus = await startCyrus(undefined, {}, undefined, data);
    await cyrus.stop();
    spawnSync("cp", ["-a", data, join(folder.path, "empty")]);
    await cyrus.start();
    await firstLogin();
    const eml = join(folder.path, "mail.eml");
    writeFileSync(eml, MESSAGE);
    const inbox = `imap://127.0.0.1:${cyrus.imapPort}/INBOX`;
    const sent = spawnSync("curl", ["-sS", "-u", `${ROOT}:${PASSWORD}`, "-T", eml, inbox], { encoding: "utf8" });
    if (sent.status !== 0) throw new Error(sent.stderr);
    // From here on only the host starts and stops it.
    await cyrus.stop();
    const master = `${CYRUS_MASTER} -C ${data}/imapd.conf -M ${data}/cyrus.conf -p ${data}/run/master.pid`;
    host.hook(
      "start",
      `[ -s ${data}/imapd.conf ] || exit 0\nsetsid ${master} </dev/null >/dev/null 2>&1 9>&- 8>&- & sleep 1`,
    );
    host.hook(
      "stop",
      `pid=$(cat ${data}/run/master.pid 2>/dev/null) || exit 0
       kill -TERM $pid 2>/dev/null; for try in $(seq 100); do kill -0 $pid 2>/dev/null || exit 0; sleep 0.1; done; exit 1`,
    );
    const program = join(folder.path, "onhost.mjs");
    const password = join(folder.path, "password");
    writeFileSync(program, bundleOnhost());
    writeFileSync(password, PASSWORD, { mode: 0o600 });
    const place = `--url http://127.0.0.1:${cyrus.jmapPort} --user ${ROOT} --password-file ${password}`;
    // 5: this Cyrus has neither Sieve scripts nor vacation responses over JMAP; Stalwart has both.
    const onhost = (command: string) =>
      `${process.execPath} ${program} ${command} ${place}; s=$?; [ $s = 0 ] || [ $s = 5 ]`;
    host.hook("run-export", onhost('export "$MOUNT_apps_stalwart_data_export"'));
    host.hook("run-onhost", onhost('import "$MOUNT_restored/export"'));
    await host.shell(`docker compose -f ${host.apps}/mail-stack/compose.yaml start stalwart`);
    expect(await read()).toBe(MESSAGE);
    mkdirSync(join(host.apps, "stalwart/keys"), { recursive: true });
    mkdirSync(join(host.apps, "traefik/acme"), { recursive: true });
    for (const name of ["recovery-admin.env", "stalwart-cli.env"])
      writeFileSync(join(host.apps, "stalwart/secrets", name), "FIRST=1\n");
    writeFileSync(join(host.apps, "stalwart/keys/worker-1"), "API_first");
    writeFileSync(join(host.apps, "stalwart/version"), "0.16.18\n");
    for (const job of ["export", "backup"]) {
      const { code, stderr } = await host.run(job);
      if (code !== 0) throw new Error(stderr);
    }
    expect(await read()).toBe(MESSAGE);
  });
  afterAll(async () => {
    await host.shell(`docker compose -f ${host.apps}/mail-stack/compose.yaml stop stalwart`);
    host.close();
    server.stop();
    folder.remove();
  });

  /** Makes the account's mailboxes. */
  async function firstLogin(): Promise<void> {
    for (let tries = 0; !(await isAnswering()) && tries < 40; tries++) await sleep(250);
    const client = await ImapClient.connect(cyrus.imapPort);
    await client.login(ROOT, PASSWORD);
    await client.close();
  }

  /** The one message of the inbox, over IMAP. */
  async function read(): Promise<string> {
    for (let tries = 0; ; tries++) {
      try {
        const client = await ImapClient.connect(cyrus.imapPort);
        await client.login(ROOT, PASSWORD);
        expect(await client.select("INBOX")).toBe(1);
        const { raw } = await client.fetch(1);
        await client.close();
        return raw.toString("latin1");
      } catch (error) {
        if (tries > 40) throw error;
        await sleep(250);
      }
    }
  }

  /** Carries out the steps on the host; those of Pulumi are `onUp`. */
  async function recover(
    scenario: Scenario,
    onUp: () => void | Promise<void> = () => undefined,
  ): Promise<readonly string[]> {
    const said: string[] = [];
    for (const { where, command } of recoveryPlan(scenario, settings, {
      stack: "prod",
      snapshot: "latest",
      folder: "x",
    })) {
      if (where === "here") await onUp();
      if (where !== "host") continue;
      const { code, stdout, stderr } = await host.shell(command);
      if (code !== 0) throw new Error(`${command}\n${stderr}`);
      said.push(stdout);
    }
    return said;
  }

  const isAnswering = () =>
    ImapClient.connect(cyrus.imapPort).then(
      (client) => client.close().then(() => true),
      () => false,
    );

  async function breakDown(): Promise<void> {
    await host.shell(`docker compose -f ${host.apps}/mail-stack/compose.yaml stop stalwart`);
    expect(await isAnswering()).toBe(false);
  }

  it("container: starts it", async () => {
    await breakDown();
    await recover("container");
    expect(await read()).toBe(MESSAGE);
  });

  it("restore: the store is damaged", async () => {
    await breakDown();
    rmSync(join(data, "spool"), { recursive: true });
    await recover("restore");
    expect(await read()).toBe(MESSAGE);
    expect(messages(join(data, "export"))).toEqual([MESSAGE]);
  });

  it("read: the export is on this machine as .eml files, without a server", async () => {
    await breakDown();
    const [archive = ""] = await recover("read");
    const copy = join(folder.path, "copy");
    mkdirSync(copy);
    spawnSync("tar", ["-C", copy, "-xf", "-"], { input: Buffer.from(archive, "latin1") });
    expect(messages(copy)).toEqual([MESSAGE]);
  });

  it("reimport: a new store is filled from the exported mail", async () => {
    await recover("reimport", async () => {
      await breakDown();
      // What `pulumi up` does to an empty Stalwart: accounts.
      expect(readdirSync(data).filter((name) => name !== "export")).toEqual([]);
      spawnSync("cp", ["-a", `${join(folder.path, "empty")}/.`, data]);
      await host.shell(`docker compose -f ${host.apps}/mail-stack/compose.yaml start stalwart`);
      await firstLogin();
    });
    expect(await read()).toBe(MESSAGE);
  });

  it("host: a new one has what only the old one had", async () => {
    await breakDown();
    rmSync(host.apps, { recursive: true });
    // What `pulumi up` leaves on a new host.
    let ups = 0;
    await recover("host", () => {
      ups += 1;
      if (ups > 1) return;
      host.ship({});
      for (const path of [
        "stalwart/data",
        "stalwart/keys",
        "stalwart/tls",
        "stalwart/secrets",
        "traefik/acme",
        "onhost",
      ])
        mkdirSync(join(host.apps, path), { recursive: true });
      for (const path of ["", "stalwart", "stalwart/data"]) chmodSync(join(host.apps, path), 0o755);
      writeFileSync(join(host.apps, "mail-stack/.env"), "MAIL_UID=0\nMAIL_GID=0\n");
      writeFileSync(join(host.apps, "stalwart/config.json"), "{}");
      writeFileSync(join(host.apps, "stalwart/version"), "0.16.18\n");
      writeFileSync(join(host.apps, "stalwart/keys/worker-1"), "API_second");
      for (const name of ["recovery-admin.env", "stalwart-cli.env"])
        writeFileSync(join(host.apps, "stalwart/secrets", name), "SECOND=1\n");
    });
    expect(ups).toBe(2);
    expect(await read()).toBe(MESSAGE);
    expect(readFileSync(join(host.apps, "stalwart/keys/worker-1"), "utf8")).toBe("API_first");
    expect(readFileSync(join(host.apps, "stalwart/secrets/recovery-admin.env"), "utf8")).toBe("FIRST=1\n");
  });
});

/** Every .eml below a folder. */
function messages(folder: string): readonly string[] {
  const entries = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".eml"));
  return entries.map((path) => readFileSync(join(folder, path), "latin1"));
}
