import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { knownHostsLine, sshPathOption } from "../../../infra/formats/ssh";
import type { Settings } from "../../../infra/settings/settings";
import { temporaryFolder } from "../../../sandbox/temporary";
import { type Ssh, type SshAnswer, Unreachable } from "../context";

const CONNECT_SECONDS = 4;
/** What ssh itself ends with; a script of ours never does. */
const NO_CONNECTION = 255;
const MOST_BYTES = 1024 * 1024;

/**
 * OpenSSH's client, with the host key of the stack file and no other. The private key lies in a 0600 file for the length of
 * one call; the script is standard input, so no process list shows it.
 */
export function sshClient(host: Settings["host"]): Ssh {
  const known = new Map<string, Promise<SshAnswer>>();
  return {
    run(script) {
      const answer = known.get(script) ?? runOnce(host, script);
      known.set(script, answer);
      return answer;
    },
  };
}

async function runOnce({ address, port, user, key, sshPrivateKey }: Settings["host"], script: string) {
  const { path: folder, remove } = temporaryFolder();
  try {
    const write = (name: string, text: string) => {
      const file = join(folder, name);
      writeFileSync(file, `${text.trimEnd()}\n`, { mode: 0o600 });
      return file;
    };
    const options = [
      sshPathOption("IdentityFile", write("key", sshPrivateKey.reveal())),
      ...[
        sshPathOption("UserKnownHostsFile", write("known-hosts", knownHostsLine(address, port, key))),
        "GlobalKnownHostsFile=none",
      ],
      ...["StrictHostKeyChecking=yes", "HostKeyAlgorithms=ssh-ed25519", "IdentitiesOnly=yes", "BatchMode=yes"],
      ...[`ConnectTimeout=${CONNECT_SECONDS}`, "LogLevel=ERROR"],
    ].flatMap((option) => ["-o", option]);
    const args = ["-F", "none", "-T", "-p", String(port), ...options, `${user}@${address}`, "bash -s"];
    const answer = await output("ssh", args, script);
    if (answer.code === NO_CONNECTION) throw new Unreachable(reason(answer.stderr));
    return answer;
  } finally {
    remove();
  }
}

function output(program: string, args: readonly string[], input: string): Promise<SshAnswer> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
    const text = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const)
      child[name].setEncoding("utf8").on("data", (part: string) => {
        if (text[name].length < MOST_BYTES) text[name] += part;
      });
    // It may end before it has read everything.
    child.stdin.on("error", () => undefined).end(input);
    child.once("error", (error) => reject(new Error(`${program} does not start: ${error.message}`)));
    child.once("close", (code) => resolve({ code: code ?? NO_CONNECTION, ...text }));
  });
}

/** OpenSSH frames a changed key with a box of signs; the line that says it is the last one. */
function reason(stderr: string): string {
  if (/host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED/i.test(stderr))
    return "the host shows another key than the stack file's";
  const lines = stderr.trim().split("\n");
  return lines.at(-1)?.trim() || "no connection";
}
