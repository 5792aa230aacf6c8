import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { temporaryFolder } from "../../../sandbox/temporary";
import { isBuilt, toolPath } from "../../../tools/go-tool";
import { REQUIRE_ALL } from "../../needs";

import { type Sshd, startSshd } from "./sshd";

/** What a command over SSH ended with. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A container as the stand-in for docker keeps it. */
export interface Container {
  readonly starts: number;
  /** SHA-256 of its service in the compose file, and of its environment files. */
  readonly hash: string;
  readonly running: boolean;
}

export interface TestHost {
  readonly sshd: Sshd;
  readonly home: string;
  readonly apps: string;
  /** The folder of programs that come first on the host's PATH. */
  readonly programs: string;
  /** Runs a command with this standard input, as the provider does. `login` replaces what the real operator has. */
  readonly run: (
    stdin: string,
    command?: string,
    login?: { readonly hostKey?: string; readonly userKey?: string },
  ) => Promise<Ended>;
  /** What docker was asked since the last time. */
  readonly calls: () => readonly string[];
  readonly container: (service: string) => Container | undefined;
  /** Tells docker's stand-in of a trouble, or that it is over. */
  readonly trouble: (name: string, text: string | undefined) => void;
  /** Forgets everything on the host but its programs. */
  readonly wipe: () => void;
  readonly close: () => Promise<void>;
}

const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Commands whose calls are counted, so that a run can be killed at the nth. */
const COUNTED = [
  "mv",
  "cp",
  "sync",
  "rm",
  "mkdir",
  "chmod",
  "base64",
  "tar",
  "sha256sum",
  "stat",
  "sort",
  "flock",
  "docker",
];

/**
 * A machine with sshd, an empty home and a stand-in for docker, which asks the real compose about compose files when it is
 * built; `counted`: runs can be killed at a call (counted.sh).
 */
export async function startHost({ counted: isCounted = false } = {}): Promise<TestHost> {
  const folder = temporaryFolder();
  const home = join(folder.path, "home");
  const programs = join(folder.path, "programs");
  const counted = join(folder.path, "counted");
  for (const made of [home, programs, counted]) mkdirSync(made);
  const compose = REQUIRE_ALL || isBuilt("compose") ? toolPath("compose") : undefined;
  const docker = [
    "#!/bin/bash",
    ...(compose === undefined ? [] : [`export MAIL_STACK_COMPOSE='${compose}'`]),
    `exec '${process.execPath}' '${join(__dirname, "docker.mjs")}' "$@"`,
    "",
  ];
  writeFileSync(join(programs, "docker"), docker.join("\n"), { mode: 0o755 });
  for (const name of COUNTED) symlinkSync(join(__dirname, "counted.sh"), join(counted, name));
  const sshd = await startSshd(folder.path, home, [...(isCounted ? [counted] : []), programs, SYSTEM_PATH].join(":"));
  const engine = join(home, "engine");

  return { sshd, home, apps: join(home, "apps"), programs, run, calls, container, trouble, wipe, close };

  async function run(
    stdin: string,
    command = "bash -s",
    login: { hostKey?: string; userKey?: string } = {},
  ): Promise<Ended> {
    const knownHosts = join(folder.path, "known-hosts");
    const identity = join(folder.path, "identity");
    writeFileSync(knownHosts, `[127.0.0.1]:${sshd.port} ${login.hostKey ?? sshd.hostKey}\n`);
    rmSync(identity, { force: true });
    writeFileSync(identity, login.userKey ?? sshd.userKey, { mode: 0o600 });
    const options = [
      ...[`UserKnownHostsFile=${knownHosts}`, "GlobalKnownHostsFile=none", "StrictHostKeyChecking=yes"],
      ...["HostKeyAlgorithms=ssh-ed25519", "IdentitiesOnly=yes", "BatchMode=yes", "ControlMaster=no", "LogLevel=ERROR"],
    ].flatMap((option) => ["-o", option]);
    const address = [`-p${sshd.port}`, `${sshd.user}@127.0.0.1`];
    const child = spawn("ssh", ["-F", "none", "-T", ...options, "-i", identity, ...address, command], {
      env: { PATH: SYSTEM_PATH },
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    // It may end before it has read everything.
    child.stdin.on("error", () => undefined);
    child.stdin.end(stdin);
    const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
    return { code, stdout, stderr };
  }

  function calls(): readonly string[] {
    const file = join(engine, "calls");
    const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1) : [];
    rmSync(file, { force: true });
    return lines;
  }

  function container(service: string): Container | undefined {
    const file = join(engine, "containers", service);
    return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Container) : undefined;
  }

  function trouble(name: string, text: string | undefined): void {
    const file = join(engine, name.replaceAll("/", "_"));
    mkdirSync(engine, { recursive: true });
    if (text === undefined) rmSync(file, { force: true });
    else writeFileSync(file, text);
  }

  function wipe(): void {
    rmSync(home, { recursive: true });
    mkdirSync(home);
  }

  async function close(): Promise<void> {
    await sshd.stop();
    folder.remove();
  }
}
