import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { settingsOf } from "../../infra/settings/stack-file";
import { toProject } from "../../sandbox/engine/checkout";
import { openCommandLine } from "../../sandbox/engine/command-line";
import { findEngine } from "../../sandbox/engine/find";
import { type Outside, startOutside } from "../../sandbox/outside";
import { silent } from "../../sandbox/progress";
import { type StandIns, standIns } from "../../sandbox/stand-ins";
import { type Ran, typed } from "../shell";

const ROOT = join(__dirname, "..", "..");
/** What an operator's commands need beside the program. */
const PARTS = ["ops", "sandbox", "stacks", "tools", "docs", ".ci"];

/** The names of the documented deployment are real ones: what is not of the sandbox must not be asked. */
const NOBODY_OUTSIDE = {
  NODE_USE_ENV_PROXY: "1",
  HTTPS_PROXY: "http://127.0.0.1:1",
  HTTP_PROXY: "http://127.0.0.1:1",
  NO_PROXY: "127.0.0.1,localhost",
};

/** The desk of somebody who runs a deployment: a checkout, a shell, the real pulumi and the outside world of the sandbox. */
export interface Desk {
  readonly checkout: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly outside: Outside;
  readonly invented: StandIns;
  /** A command line in the checkout; nobody is there to say yes. */
  readonly type: (command: string, input?: string, environment?: NodeJS.ProcessEnv) => Promise<Ran>;
  /** The same, and it must succeed. Gives its standard output. */
  readonly did: (command: string, input?: string, environment?: NodeJS.ProcessEnv) => Promise<string>;
  /** The same of a command that changes the deployment, without the preview that it shows first. */
  readonly up: (command: string) => Promise<string>;
  /** A command line of a login on the host, over OpenSSH's client, in `folder` below the user's home. */
  readonly onHost: (command: string, folder?: string) => Promise<Ran>;
  /** For OpenSSH's client, with the host's key and the user's. */
  readonly sshOptions: string;
  /** A file in the checkout, 0600. */
  readonly write: (name: string, content: string) => void;
  readonly close: () => Promise<void>;
}

export async function openDesk(): Promise<Desk> {
  const invented = standIns("prod");
  const outside = await startOutside(settingsOf("prod", invented), invented);
  const { command, ...nothing } = await findEngine(silent);
  if (command === undefined) throw new Error(JSON.stringify(nothing));
  // cli.test.ts has the program's types checked at each run, as is Pulumi's default; here are many runs.
  const programs = {
    PULUMI_NODEJS_TRANSPILE_ONLY: "true",
    CLOUDFLARE_API_TOKEN: invented.apiToken,
    CLOUDFLARE_BASE_URL: outside.apiUrl,
  };
  const line = await openCommandLine(
    command,
    outside.world,
    (project) => {
      toProject(project, { name: "prod", standIns: invented, apiUrl: outside.apiUrl });
      for (const part of PARTS) cpSync(join(ROOT, part), join(project, part), { recursive: true });
    },
    { programs },
  );
  const home = join(line.project, "..", "operator");
  mkdirSync(home);
  const environment: NodeJS.ProcessEnv = {
    ...line.environment,
    ...NOBODY_OUTSIDE,
    PULUMI_SKIP_CONFIRMATIONS: "true",
    CLOUDFLARE_API_TOKEN: invented.apiToken,
    CLOUDFLARE_BASE_URL: outside.apiUrl,
    HOME: home,
  };
  const write = (name: string, content: string) => writeFileSync(join(line.project, name), content, { mode: 0o600 });
  const type: Desk["type"] = (text, input = "", instead = {}) =>
    typed(text, { cwd: line.project, env: { ...environment, ...instead }, input });
  const key = join(home, "key");
  const { hostAddress = "", hostPort = "", hostUser = "", hostKey = "" } = invented.values;
  writeFileSync(key, invented.secrets["hostSshPrivateKey"] ?? "", { mode: 0o600 });
  writeFileSync(join(home, "known"), `[${hostAddress}]:${hostPort} ${hostKey}\n`);
  const sshOptions = `-F none -i ${key} -o UserKnownHostsFile=${join(home, "known")} -o BatchMode=yes`;
  const did: Desk["did"] = async (text, input, instead) => {
    const { code, stdout, stderr } = await type(text, input, instead);
    if (code !== 0) throw new Error(`${text} ended with ${code ?? "a signal"}:\n${stdout}${stderr}`);
    return stdout;
  };
  return {
    checkout: line.project,
    environment,
    outside,
    invented,
    type,
    write,
    sshOptions,
    did,
    up: (text) => did(`${text} --skip-preview`),
    onHost: (text, folder = ".") =>
      type(`ssh ${sshOptions} -p ${hostPort} ${hostUser}@${hostAddress} bash -s`, `cd ~/${folder} && ${text}\n`),
    async close() {
      line.close();
      await outside.close();
    },
  };
}
