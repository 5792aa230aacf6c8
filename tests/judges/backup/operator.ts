import { spawn } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join, resolve } from "node:path";

import { STACK_DIRECTORY_VARIABLE } from "../../../infra/settings/stack-file";
import { toSettings } from "../../../sandbox/engine/checkout";
import { type SshServer, startSshServer } from "../../../sandbox/host/ssh-server";
import { type StandIns, standIns } from "../../../sandbox/stand-ins";
import type { BackupHost, Ended } from "./host";

const ROOT = resolve(__dirname, "../../..");
const PARTS = ["package.json", "tsconfig.json", "infra", "onhost", "ops", "sandbox", "worker"];

/**
 * The machine of somebody who recovers: a checkout with a stack file of its own, OpenSSH's client, and `pulumi`, which hands over the
 * stack's secrets and whose `up` the test does. The host answers by a real SSH server.
 */
export interface Operator {
  readonly ssh: SshServer;
  /** `npm run recover -- prod ARGS`, without a terminal. */
  readonly recover: (...args: readonly string[]) => Promise<Ended>;
  /** `npm run recovery-kit -- prod ARGS`. */
  readonly kit: (...args: readonly string[]) => Promise<Ended>;
  /** What the stack keeps secret, by bare key. */
  readonly secrets: StandIns["secrets"];
  /** Does the next calls of `pulumi up`. */
  readonly onUp: (up: (args: string) => Promise<void>) => void;
  /** Where its programs put what they need for a moment. */
  readonly temporary: string;
  /** Writes another stack file. */
  readonly setUp: (values: Readonly<Record<string, string>>) => void;
  readonly close: () => Promise<void>;
}

export async function startOperator(folder: string, host: BackupHost): Promise<Operator> {
  const checkout = join(folder, "checkout");
  const programs = join(folder, "operators-programs");
  const temporary = join(folder, "operators-tmp");
  for (const made of [checkout, programs, temporary]) mkdirSync(made);
  for (const part of PARTS) cpSync(join(ROOT, part), join(checkout, part), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(checkout, "node_modules"));
  const invented = standIns("prod");
  const setUp = (values: Readonly<Record<string, string>>) => {
    const standIns: StandIns = { ...invented, values: { ...invented.values, ...values } };
    toSettings(checkout, { name: "prod", standIns, apiUrl: "https://127.0.0.1" });
  };
  setUp({});

  let doUp: (args: string) => Promise<void> = () => Promise.reject(new Error("pulumi up was not expected"));
  const listener = createServer((request, response) => {
    let args = "";
    request.setEncoding("utf8").on("data", (text: string) => (args += text));
    request.on("end", () => {
      void doUp(args).then(
        () => response.end(),
        (error: unknown) => response.writeHead(500).end(String(error)),
      );
    });
  });
  await new Promise<void>((done) => listener.listen(0, "127.0.0.1", done));
  const key = join(folder, "stack-key");
  const shown = join(folder, "stack-secrets");
  const all = Object.entries(invented.secrets).map(([name, value]) => [`mail:${name}`, { value, secret: true }]);
  writeFileSync(shown, JSON.stringify(Object.fromEntries(all)), { mode: 0o600 });
  writeFileSync(key, invented.secrets["hostSshPrivateKey"] ?? "", { mode: 0o600 });
  writeFileSync(
    join(programs, "pulumi"),
    `#!/bin/bash
[ "$*" != "config get mail:hostSshPrivateKey --stack prod" ] || exec cat '${key}'
[ "$*" != "config --stack prod --show-secrets --json --non-interactive" ] || exec cat '${shown}'
[ "$1" = up ] || { echo "unknown: pulumi $*" >&2; exit 1; }
exec curl -sS --fail-with-body --data-raw "$*" http://127.0.0.1:${(listener.address() as AddressInfo).port}/
`,
  );
  chmodSync(join(programs, "pulumi"), 0o755);
  const ssh = await startSshServer({
    ...invented.host,
    user: invented.values["hostUser"] ?? "",
    home: host.home,
    path: [host.programs],
    port: Number(invented.values["hostPort"]),
  });
  const recover = (...args: readonly string[]) => run("recover", args);
  const kit = (...args: readonly string[]) => run("recovery-kit", args);
  return { ssh, temporary, recover, kit, secrets: invented.secrets, onUp: (up) => (doUp = up), setUp, close };

  async function run(script: string, args: readonly string[]): Promise<Ended> {
    const child = spawn("npm", ["run", "--silent", script, "--", "prod", ...args], {
      cwd: checkout,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...process.env,
        PATH: `${programs}:${process.env["PATH"] ?? ""}`,
        HOME: folder,
        TMPDIR: temporary,
        [STACK_DIRECTORY_VARIABLE]: checkout,
      },
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    return { code: await new Promise((done) => child.on("close", done)), stdout, stderr };
  }

  async function close(): Promise<void> {
    listener.close();
    listener.closeAllConnections();
    await ssh.close();
  }
}
