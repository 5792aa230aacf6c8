import { spawn, spawnSync } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { quoted } from "../../infra/formats/shell";
import { knownHostsLine, sshPathOption } from "../../infra/formats/ssh";
import type { Settings } from "../../infra/settings/settings";
import { temporaryFolder } from "../../sandbox/temporary";
import { print, relay, warn } from "../output";

/** Runs commands for the recovery; `input` of a program is nothing. Gives the exit status. */
export interface Shell {
  readonly here: (command: string) => Promise<number>;
  readonly host: (command: string) => Promise<number>;
  /** What a command on the host says on its standard output; undefined when it does not end well. */
  readonly answer: (command: string) => Promise<string | undefined>;
  /** A command on the host whose output a command here reads. */
  readonly pipe: (onHost: string, here: string) => Promise<number>;
  readonly close: () => void;
}

/**
 * The shell of an operator: OpenSSH's client, with the host key of the stack file and no other. `identity` is the file of
 * the private key; without one the stack's own is asked of Pulumi and lies in a 0600 file for the run.
 */
export function openShell(stack: string, { host }: Settings, identity: string | undefined): Shell {
  const folder = temporaryFolder();
  const knownHosts = join(folder.path, "known-hosts");
  writeFileSync(knownHosts, knownHostsLine(host.address, host.port, host.key));
  const key = identity ?? stackKey(stack, join(folder.path, "key"));
  const options = [
    sshPathOption("IdentityFile", key),
    ...[sshPathOption("UserKnownHostsFile", knownHosts), "GlobalKnownHostsFile=none", "StrictHostKeyChecking=yes"],
    ...["HostKeyAlgorithms=ssh-ed25519", "IdentitiesOnly=yes", "BatchMode=yes", "ConnectTimeout=15"],
    "ServerAliveInterval=30",
  ].flatMap((option) => ["-o", option]);
  const ssh = ["-F", "none", "-T", "-p", String(host.port), ...options, `${host.user}@${host.address}`];
  return {
    here: (command) => run("bash", ["-c", command]),
    host: (command) => run("ssh", [...ssh, command]),
    answer: (command) => read("ssh", [...ssh, command]),
    pipe: (onHost, here) =>
      run("bash", ["-o", "pipefail", "-c", `ssh ${[...ssh, onHost].map(quoted).join(" ")} </dev/null | ${here}`]),
    close: () => folder.remove(),
  };
}

function stackKey(stack: string, file: string): string {
  const asked = spawnSync("pulumi", ["config", "get", "mail:hostSshPrivateKey", "--stack", stack], {
    encoding: "utf8",
  });
  if (asked.status !== 0)
    throw new RecoverError(
      "Pulumi does not hand over mail:hostSshPrivateKey. Nothing was done. " +
        "Set PULUMI_CONFIG_PASSPHRASE, or name a key's file: --identity FILE",
    );
  writeFileSync(file, `${asked.stdout.trimEnd()}\n`, { mode: 0o600 });
  chmodSync(file, 0o600);
  return file;
}

/** What a person is told without a stack trace. */
export class RecoverError extends Error {}

async function run(program: string, args: readonly string[]): Promise<number> {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  relay(child.stdout, print);
  relay(child.stderr, warn);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? 137));
  });
}

async function read(program: string, args: readonly string[]): Promise<string | undefined> {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  relay(child.stderr, warn);
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code === 0 ? said : undefined));
  });
}
