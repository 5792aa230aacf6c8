import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { appendFileSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { temporaryFolder } from "../../../sandbox/temporary";
import { ImapClient } from "./imap";

/** Debian's name for Cyrus' master process, which is not on every PATH. */
export const CYRUS_MASTER = "/usr/sbin/cyrmaster";
/** What Debian takes away when another IMAP server is installed; the master stays. */
export const CYRUS_IMAPD = "/usr/lib/cyrus/bin/imapd";
/** How to get {@link CYRUS_IMAPD}. */
export const CYRUS_INSTALL =
  "Run: apt-get update && apt-get install --no-install-recommends cyrus-imapd cyrus-caldav sasl2-bin";

/** The realm of every user; Cyrus must be told the same name as `servername`, or every login fails. */
export const REALM = "example.org";
export const PASSWORD = "pw";
export const ROOT = `root@${REALM}`;
export const OTHER = `other@${REALM}`;

/** Sets quotas; is nobody's recipient. */
const ADMIN = "admin";
const USERS = ["root", "other", ADMIN] as const;
const LOOPBACK = "127.0.0.1";
const PROGRAMS = "/usr/lib/cyrus/bin";
const SASLPASSWD = "/usr/sbin/saslpasswd2";
const START_BUDGET_MS = 15_000;
const STOP_BUDGET_MS = 10_000;
const POLL_MS = 50;
/** Not {@link REALM}: Cyrus leaves its default domain out of account names, and the Worker looks for whole addresses. */
const DEFAULT_DOMAIN = "cyrus.invalid";
/** Must be positive, or no mailbox is created. */
const QUOTA_KIB = 1_000_000;

/** A Cyrus IMAPd of its own. */
export interface Cyrus {
  readonly imapPort: number;
  readonly jmapPort: number;
  /** IMAP over TLS and ManageSieve listen only when Cyrus was given a certificate. */
  readonly imapsPort: number;
  readonly sievePort: number;
  /** Takes mail from everybody without a login. */
  readonly lmtpPort: number;
  /** Makes that Sieve script the active one of a user who has mailboxes. */
  readonly sieve: (user: string, script: string) => void;
  /** Ends the processes; the mail and the ports stay. */
  readonly stop: () => Promise<void>;
  readonly start: () => Promise<void>;
  /** What all mailboxes of a user may hold together, in KiB. */
  readonly setQuota: (user: string, kib: number) => Promise<void>;
  /** Ends the processes and removes the mail. Nothing listens afterwards. */
  readonly close: () => Promise<void>;
}

/** PEM. */
export interface ServerCertificate {
  readonly chain: string;
  readonly key: string;
}

/**
 * Starts a throw-away Cyrus IMAPd 3.6 or newer on loopback: IMAP, JMAP and LMTP, users {@link ROOT} and {@link OTHER} without
 * mailboxes. The first IMAP login of a user creates them; before it JMAP does not know the account.
 *
 * Started by root it becomes Debian's user `cyrus`, started by anyone else it stays that user. `settings`: lines of
 * imapd.conf that take the place of those here, by their names. `parent`: where its folder is made. `at`: its folder, which
 * stays at the end.
 */
export async function startCyrus(
  certificate?: ServerCertificate,
  settings: Readonly<Record<string, string>> = {},
  parent?: string,
  at?: string,
): Promise<Cyrus> {
  const folder = at === undefined ? temporaryFolder(parent) : { path: at, remove: () => undefined };
  const ports = await freePorts();
  const { imapPort } = ports;
  const isRoot = userInfo().uid === 0;
  const configuration = join(folder.path, "imapd.conf");
  const services = join(folder.path, "cyrus.conf");
  let master: ChildProcess | undefined;

  try {
    writeFileSync(configuration, changed(imapdConf(folder.path, isRoot ? undefined : userInfo().username), settings));
    writeFileSync(services, cyrusConf(configuration, ports, certificate !== undefined));
    if (certificate !== undefined) {
      writeFileSync(join(folder.path, "tls.pem"), certificate.chain + certificate.key);
      appendFileSync(configuration, tlsConf(folder.path));
    }
    for (const part of ["conf/db", "conf/socket", "spool", "sieve", "run/proc", "run/lock"])
      mkdirSync(join(folder.path, part), { recursive: true });
    for (const user of USERS)
      execFileSync(SASLPASSWD, ["-p", "-c", "-f", join(folder.path, "sasldb2"), "-u", REALM, user], {
        input: PASSWORD,
      });
    if (isRoot) execFileSync("chown", ["-R", "cyrus:mail", folder.path]);
    await start();
  } catch (error) {
    await close();
    throw error;
  }
  return { ...ports, sieve, stop, start, setQuota, close };

  async function start(): Promise<void> {
    const pidFile = join(folder.path, "run", "master.pid");
    // It ends its whole process group when it ends: without one of its own, also the Cyrus of another test.
    const options = { stdio: "ignore", detached: true } as const;
    master = spawn(CYRUS_MASTER, ["-C", configuration, "-M", services, "-p", pidFile], options);
    running.add(master);
    const failed = new Promise<never>((_, reject) => {
      master?.once("error", reject);
      master?.once("exit", (code) => reject(new Error(`Cyrus ended while it started (exit code ${code})`)));
    });
    // Nobody waits for it any more once Cyrus answers.
    failed.catch(() => undefined);
    await Promise.race([failed, answering()]);
  }

  /** The greeting and not the open port: the master listens before it can start an imapd. */
  async function answering(): Promise<void> {
    const until = Date.now() + START_BUDGET_MS;
    for (;;) {
      try {
        await (await ImapClient.connect(imapPort)).close();
        return;
      } catch (error) {
        if (Date.now() > until) throw new Error("Cyrus does not answer", { cause: error });
        await sleep(POLL_MS);
      }
    }
  }

  /** Into the folder that Cyrus looks in, which is named after the id of the user's Inbox. */
  function sieve(user: string, script: string): void {
    const run = (program: string, ...args: readonly string[]) =>
      execFileSync(`${PROGRAMS}/${program}`, ["-C", configuration, ...args], { encoding: "utf8" });
    const scripts = run("mbpath", "-S", `user/${user}`).trim();
    mkdirSync(scripts, { recursive: true });
    writeFileSync(join(scripts, "judge.script"), script);
    run("sievec", join(scripts, "judge.script"), join(scripts, "judge.bc"));
    rmSync(join(scripts, "defaultbc"), { force: true });
    symlinkSync("judge.bc", join(scripts, "defaultbc"));
    if (isRoot) execFileSync("chown", ["-R", "cyrus:mail", join(folder.path, "sieve")]);
  }

  async function stop(): Promise<void> {
    const stopping = master;
    master = undefined;
    if (stopping !== undefined) await end(stopping);
  }

  async function setQuota(user: string, kib: number): Promise<void> {
    const client = await ImapClient.connect(imapPort);
    try {
      await client.login(ADMIN, PASSWORD);
      await client.setQuota(`user/${user}`, kib);
    } finally {
      await client.close();
    }
  }

  async function close(): Promise<void> {
    await stop();
    folder.remove();
  }
}

const running = new Set<ChildProcess>();

// A test run that ends early leaves no server behind.
process.once("exit", () => running.forEach((master) => master.kill("SIGTERM")));

/** The master passes SIGTERM on to its children and waits for them. */
async function end(master: ChildProcess): Promise<void> {
  if (master.exitCode === null && master.signalCode === null && master.pid !== undefined) {
    const ended = new Promise<void>((resolve) => master.once("exit", () => resolve()));
    const timer = setTimeout(() => master.kill("SIGKILL"), STOP_BUDGET_MS);
    master.kill("SIGTERM");
    await ended;
    clearTimeout(timer);
  }
  running.delete(master);
}

type Ports = Pick<Cyrus, "imapPort" | "jmapPort" | "lmtpPort" | "imapsPort" | "sievePort">;

/** Ports that nobody listens on now. */
async function freePorts(): Promise<Ports> {
  const holders = [createServer(), createServer(), createServer(), createServer(), createServer()] as const;
  const ports = await Promise.all(
    holders.map(
      (holder) =>
        new Promise<number>((resolve, reject) => {
          holder.once("error", reject);
          holder.listen(0, LOOPBACK, () => resolve((holder.address() as AddressInfo).port));
        }),
    ),
  );
  await Promise.all(holders.map((holder) => new Promise<void>((resolve) => holder.close(() => resolve()))));
  const [imapPort = 0, jmapPort = 0, lmtpPort = 0, imapsPort = 0, sievePort = 0] = ports;
  return { imapPort, jmapPort, lmtpPort, imapsPort, sievePort };
}

function cyrusConf(configuration: string, ports: Ports, hasCertificate: boolean): string {
  const program = (name: string) => `${PROGRAMS}/${name} -C ${configuration}`;
  // A ManageSieve server stands ready: its greeting is timed.
  const secured = ` imaps cmd="${program("imapd")} -s" listen="${LOOPBACK}:${ports.imapsPort}" prefork=0
 sieve cmd="${program("timsieved")}" listen="${LOOPBACK}:${ports.sievePort}" prefork=2
`;
  return `START {
 recover cmd="${program("ctl_cyrusdb")} -r"
}
SERVICES {
 imap cmd="${program("imapd")}" listen="${LOOPBACK}:${ports.imapPort}" prefork=0
 http cmd="${program("httpd")}" listen="${LOOPBACK}:${ports.jmapPort}" prefork=0
 lmtp cmd="${program("lmtpd")} -a" listen="${LOOPBACK}:${ports.lmtpPort}" prefork=0
${hasCertificate ? secured : ""}}
EVENTS {
}
`;
}

/** Cyrus takes no name twice. */
function changed(conf: string, settings: Readonly<Record<string, string>>): string {
  const kept = conf.split("\n").filter((line) => !Object.hasOwn(settings, line.split(":", 1).join("")));
  return [...kept, ...Object.entries(settings).map(([name, value]) => `${name}: ${value}`), ""].join("\n");
}

function tlsConf(folder: string): string {
  return `tls_server_cert: ${folder}/tls.pem
tls_server_key: ${folder}/tls.pem
tls_session_timeout: 0
`;
}

/** `munge8bit` off: Cyrus would replace 8-bit characters in header fields by X. `cyrus_user` is who the master becomes. */
function imapdConf(folder: string, user: string | undefined): string {
  return `configdirectory: ${folder}/conf
proc_path: ${folder}/run/proc
mboxname_lockpath: ${folder}/run/lock
defaultpartition: default
partition-default: ${folder}/spool
sievedir: ${folder}/sieve
${user === undefined ? "" : `cyrus_user: ${user}\n`}altnamespace: no
unixhierarchysep: yes
virtdomains: userid
defaultdomain: ${DEFAULT_DOMAIN}
servername: ${REALM}
admins: ${ADMIN}
allowplaintext: yes
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: ${folder}/sasldb2
sasl_mech_list: PLAIN LOGIN
httpmodules: jmap
httpallowcompress: no
jmap_nonstandard_extensions: no
conversations: yes
conversations_counted_flags: \\Draft \\Flagged $IsMailingList $IsNotification $HasAttachment
conversations_db: twoskip
jmap_uploadfolder: #jmap
specialusealways: yes
autocreate_users: anyone
autocreate_quota: ${QUOTA_KIB}
autocreate_post: no
autocreate_inbox_folders: Archive | Drafts | Junk | Sent | Trash
xlist-archive: Archive
autocreate_subscribe_folders: Archive
lmtpsocket: ${folder}/run/lmtp
idlesocket: ${folder}/run/idle
notifysocket: ${folder}/run/notify
syslog_prefix: cyrus
munge8bit: no
search_engine: none
umask: 077
`;
}
