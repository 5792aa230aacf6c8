import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** Debian's path; sshd must be started by its absolute name. */
export const SSHD = "/usr/sbin/sshd";
export const SSHD_INSTALL = "Run: apt-get install --no-install-recommends openssh-server";

/** Where sshd, started by root, wants an empty folder; Debian's own service makes it as well. */
const PRIVILEGE_SEPARATION = "/run/sshd";
const START_BUDGET_MS = 10_000;
const POLL_MS = 20;

/** A real OpenSSH server on loopback for the user who runs the test, with a home of its own. */
export interface Sshd {
  readonly port: number;
  readonly user: string;
  /** `ssh-ed25519 BASE64`. */
  readonly hostKey: string;
  /** The private key that lets in, in OpenSSH's form. */
  readonly userKey: string;
  /** What sshd has logged. */
  readonly log: () => string;
  readonly stop: () => Promise<void>;
}

/** Starts it; `path` is the PATH of its sessions. `folder` takes keys and the log; `more`: lines of sshd_config(5). */
export async function startSshd(
  folder: string,
  home: string,
  path: string,
  more: readonly string[] = [],
): Promise<Sshd> {
  const { username, uid } = userInfo();
  if (uid === 0) mkdirSync(PRIVILEGE_SEPARATION, { recursive: true, mode: 0o755 });
  const hostKeyFile = join(folder, "host-key");
  const userKeyFile = join(folder, "user-key");
  const hostKey = makeKey(hostKeyFile);
  writeFileSync(join(folder, "authorized-keys"), `${makeKey(userKeyFile)}\n`);
  const port = await freePort();
  const logFile = join(folder, "sshd.log");
  writeFileSync(
    join(folder, "sshd.conf"),
    [configuration(folder, hostKeyFile, port, home, path), ...more, ""].join("\n"),
  );
  const sshd = spawn(SSHD, ["-D", "-f", join(folder, "sshd.conf"), "-E", logFile], { stdio: "ignore" });
  process.once("exit", () => sshd.kill("SIGKILL"));
  await answers(port, sshd);
  return {
    port,
    user: username,
    hostKey,
    userKey: readFileSync(userKeyFile, "utf8"),
    log: () => readFileSync(logFile, "utf8"),
    stop: () => stop(sshd),
  };
}

/** Makes a key and returns its public half without the comment. */
export function makeKey(file: string, type: "ed25519" | "ecdsa" = "ed25519"): string {
  execFileSync("ssh-keygen", ["-q", "-t", type, "-N", "", "-C", "", "-f", file]);
  chmodSync(file, 0o600);
  return readFileSync(`${file}.pub`, "utf8").trim();
}

/** As Debian has it: no variables from the client. SetEnv beats the user's own home and PATH. */
function configuration(folder: string, hostKeyFile: string, port: number, home: string, path: string): string {
  return [
    "ListenAddress 127.0.0.1",
    `Port ${port}`,
    `HostKey ${hostKeyFile}`,
    `AuthorizedKeysFile ${join(folder, "authorized-keys")}`,
    `PidFile none`,
    "StrictModes no",
    "UsePAM no",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "PermitRootLogin prohibit-password",
    "LogLevel VERBOSE",
    "MaxStartups 100",
    `SetEnv HOME=${home} PATH=${path}`,
    "",
  ].join("\n");
}

async function answers(port: number, sshd: ChildProcess): Promise<void> {
  const deadline = Date.now() + START_BUDGET_MS;
  for (;;) {
    if (sshd.exitCode !== null) throw new Error(`sshd ended with ${sshd.exitCode}`);
    if (await connects(port)) return;
    if (Date.now() > deadline) throw new Error("sshd does not listen");
    await sleep(POLL_MS);
  }
}

function connects(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}

async function stop(sshd: ChildProcess): Promise<void> {
  if (sshd.exitCode !== null || sshd.signalCode !== null) return;
  const ended = new Promise((resolve) => sshd.once("exit", resolve));
  sshd.kill("SIGTERM");
  await ended;
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
