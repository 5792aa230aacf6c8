import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { bundleOnhost } from "../../../infra/host/onhost";
import { type TemporaryFolder, temporaryFolder } from "../../../sandbox/temporary";
import { isBuilt } from "../../../tools/go-tool";
import { ImapClient } from "../cyrus/imap";
import { CYRUS_IMAPD, CYRUS_MASTER, PASSWORD, ROOT, startCyrus } from "../cyrus/server";
import { REQUIRE_ALL } from "../../needs";
import { type BackupHost, CAN_MOUNT, startBackupHost } from "./host";
import { type RepositoryServer, startRestServer } from "./servers";

/** What a {@link MailHost} needs. */
export const HAS_MAIL_HOST =
  REQUIRE_ALL ||
  (isBuilt("restic") && isBuilt("rest-server") && CAN_MOUNT && existsSync(CYRUS_MASTER) && existsSync(CYRUS_IMAPD));

const ANSWER_TRIES = 40;
const POLL_MS = 250;

/**
 * A host with backups and mail in it. Cyrus stands in for Stalwart: a mail server whose store lies in stalwart/data, is stopped
 * and started by the real scripts and read over IMAP. restic, its server and the program on the host are the real ones.
 */
export interface MailHost {
  readonly host: BackupHost;
  readonly folder: string;
  /** Cyrus' store, in the place of Stalwart's. */
  readonly data: string;
  /** A store without accounts, to be copied. */
  readonly empty: string;
  readonly imapPort: number;
  readonly append: (message: string) => void;
  /** What the inbox holds, over IMAP; waits until somebody answers. */
  readonly inbox: () => Promise<readonly string[]>;
  readonly isAnswering: () => Promise<boolean>;
  /** Makes the account's mailboxes. */
  readonly firstLogin: () => Promise<void>;
  readonly start: () => Promise<void>;
  readonly stop: () => Promise<void>;
  /** One command of the backups that must go well. */
  readonly did: (job: string) => Promise<void>;
  readonly close: () => Promise<void>;
}

export async function startMailHost(startServer = startRestServer): Promise<MailHost> {
  const temporary: TemporaryFolder = temporaryFolder();
  const folder = temporary.path;
  const server: RepositoryServer = await startServer(folder);
  const host = await startBackupHost(server, "i3", join(folder, "chain.pem"));
  const data = join(host.apps, "stalwart/data");
  const empty = join(folder, "empty");
  // Cyrus is another user.
  chmodSync(folder, 0o755);
  chmodSync(data, 0o755);
  const cyrus = await startCyrus(undefined, {}, undefined, data);
  const { imapPort, jmapPort } = cyrus;
  await cyrus.stop();
  spawnSync("cp", ["-a", data, empty]);
  await cyrus.start();
  await firstLogin();
  // From here on only the host starts and stops it.
  await cyrus.stop();
  installPrograms();
  for (const path of ["stalwart/keys", "arrivals/keys", "traefik/acme", "tailscale/run"])
    mkdirSync(join(host.apps, path), { recursive: true });
  await start();
  return { host, folder, data, empty, imapPort, append, inbox, isAnswering, firstLogin, start, stop, did, close };

  /** What `docker compose` does to the containers of the two projects. */
  function installPrograms(): void {
    const master = `${CYRUS_MASTER} -C ${data}/imapd.conf -M ${data}/cyrus.conf -p ${data}/run/master.pid`;
    const detached = "</dev/null >/dev/null 2>&1 9>&- 8>&-";
    const waitForEnd = "for try in $(seq 100); do kill -0 $pid 2>/dev/null || exit 0; sleep 0.1; done; exit 1";
    host.hook("start", `[ -s ${data}/imapd.conf ] || exit 0\nsetsid ${master} ${detached} & sleep 1`);
    host.hook(
      "stop",
      `pid=$(cat ${data}/run/master.pid 2>/dev/null) || exit 0\nkill -TERM $pid 2>/dev/null; ${waitForEnd}`,
    );
    const program = join(folder, "onhost.cjs");
    const password = join(folder, "password");
    writeFileSync(program, bundleOnhost());
    writeFileSync(password, PASSWORD, { mode: 0o600 });
    const onhost = `${process.execPath} ${program}`;
    const place = `--url http://127.0.0.1:${jmapPort} --user ${ROOT} --password-file ${password}`;
    // 5: this Cyrus has neither Sieve scripts nor vacation responses over JMAP; Stalwart has both.
    const orWithoutSieve = "s=$?; [ $s = 0 ] || [ $s = 5 ]";
    host.hook("run-export", `${onhost} export "$MOUNT_apps_stalwart_data_export" ${place}; ${orWithoutSieve}`);
    host.hook("run-onhost", `${onhost} import "$MOUNT_restored/export" ${place}; ${orWithoutSieve}`);

    // The drill's container: another Cyrus on the same ports, in a network without any way out, which finds the restored store
    // in the place of its own.
    const drill = join(folder, "drill.pid");
    const inside = `ip link set lo up && mount --bind "$MOUNT_var_lib_stalwart" ${data} && exec setsid ${master}`;
    host.hook(
      "start-drill",
      `echo started >>${folder}/drills
unshare --net --mount -- bash -c 'echo $$ >${drill}; ${inside}' ${detached} &
for try in $(seq 100); do
  nsenter --target "$(cat ${drill})" --net bash -c 'exec 3<>/dev/tcp/127.0.0.1/${jmapPort}' 2>/dev/null && exit 0
  sleep 0.1
done
echo unhealthy >&2; exit 1`,
    );
    host.hook(
      "stop mail-stack-drill",
      `pid=$(cat ${drill} 2>/dev/null) || exit 0\nrm ${drill}; kill -TERM $pid; ${waitForEnd}`,
    );
    host.hook("run-check", `${onhost} "\${@:1:2}" "$MOUNT_export"`);
    host.hook(
      "run-compare",
      `exec nsenter --target "$(cat ${drill})" --net --mount ${onhost} compare "$MOUNT_export" ${place}`,
    );
  }

  async function firstLogin(): Promise<void> {
    for (let tries = 0; !(await isAnswering()) && tries < ANSWER_TRIES; tries++) await sleep(POLL_MS);
    const client = await ImapClient.connect(imapPort);
    await client.login(ROOT, PASSWORD);
    await client.close();
  }

  function append(message: string): void {
    const eml = join(folder, "mail.eml");
    writeFileSync(eml, message);
    const inboxUrl = `imap://127.0.0.1:${imapPort}/INBOX`;
    const sent = spawnSync("curl", ["-sS", "-u", `${ROOT}:${PASSWORD}`, "-T", eml, inboxUrl], { encoding: "utf8" });
    if (sent.status !== 0) throw new Error(sent.stderr);
  }

  async function inbox(): Promise<readonly string[]> {
    for (let tries = 0; ; tries++) {
      try {
        const client = await ImapClient.connect(imapPort);
        await client.login(ROOT, PASSWORD);
        const count = await client.select("INBOX");
        const found: string[] = [];
        for (let number = 1; number <= count; number++) found.push((await client.fetch(number)).raw.toString("latin1"));
        await client.close();
        return found;
      } catch (error) {
        if (tries > ANSWER_TRIES) throw error;
        await sleep(POLL_MS);
      }
    }
  }

  async function isAnswering(): Promise<boolean> {
    try {
      await (await ImapClient.connect(imapPort)).close();
      return true;
    } catch {
      return false;
    }
  }

  async function compose(verb: string): Promise<void> {
    const { code, stderr } = await host.shell(
      `docker compose -f ${host.apps}/mail-stack/compose.yaml ${verb} stalwart`,
    );
    if (code !== 0) throw new Error(stderr);
  }

  async function start(): Promise<void> {
    await compose("start");
  }

  async function stop(): Promise<void> {
    await compose("stop");
  }

  async function did(job: string): Promise<void> {
    const { code, stderr } = await host.run(job);
    if (code !== 0) throw new Error(`${job}: ${stderr}`);
  }

  async function close(): Promise<void> {
    await host.shell("docker compose --project-name mail-stack-drill down");
    await stop();
    host.close();
    server.stop();
    temporary.remove();
  }
}
