import { spawn } from "node:child_process";
import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

import { settingsOf } from "../../infra/settings/stack-file";
import { toProject } from "../../sandbox/engine/checkout";
import { type CommandLine, openCommandLine } from "../../sandbox/engine/command-line";
import { findEngine } from "../../sandbox/engine/find";
import { type Outside, startOutside } from "../../sandbox/outside";
import { silent } from "../../sandbox/progress";
import { standIns } from "../../sandbox/stand-ins";
import { temporaryFolder } from "../../sandbox/temporary";
import { words } from "../docs";

const ROOT = resolve(__dirname, "../..");
const PIN = /stalwartlabs\/stalwart:v[0-9.]+@/;

export interface Ended {
  readonly code: number | null;
  /** Of both streams, as a person sees them. */
  readonly said: string;
}

/** An operator's checkout, and everything around the program, with a host whose backups really go to restic. */
export interface UpgradeLab {
  readonly outside: Outside;
  readonly apps: string;
  /** `npm run upgrade -- prod …` with `--yes` as a process. `killAt`: it and what it started are killed when it has said that. */
  readonly upgrade: (command: string, killAt?: string) => Promise<Ended>;
  /** Takes the release that has this Stalwart. */
  readonly checkOut: (version: string) => void;
  readonly pulumi: (...args: readonly string[]) => Promise<string>;
  /** A command as the host's user. */
  readonly onHost: (command: string) => Promise<Ended>;
  /** The version of the container that runs. */
  readonly running: () => string | undefined;
  readonly hostFile: (name: string) => string | undefined;
  readonly close: () => Promise<void>;
}

export async function openUpgradeLab(): Promise<UpgradeLab> {
  const folder = temporaryFolder();
  const invented = standIns("prod");
  const outside = await startOutside(settingsOf("prod", invented), invented, {
    repository: join(folder.path, "repository"),
  });
  const { command, ...nothing } = await findEngine(silent);
  if (command === undefined) throw new Error(JSON.stringify(nothing));
  const line: CommandLine = await openCommandLine(command, outside.world, (project) => {
    toProject(project, { name: "prod", standIns: invented, apiUrl: outside.apiUrl });
    for (const part of ["ops", "sandbox", "tools"]) cpSync(join(ROOT, part), join(project, part), { recursive: true });
  });
  const env = { ...line.environment, CLOUDFLARE_BASE_URL: outside.apiUrl, CLOUDFLARE_API_TOKEN: invented.apiToken };
  const apps = join(outside.host.folder, "apps");
  await line.pulumi(["stack", "init", "prod"]);
  for (const [key, value] of [
    ...Object.entries(invented.secrets).map(([name, secret]) => [`mail:${name}`, secret] as const),
    ["cloudflare:apiToken", invented.apiToken] as const,
  ]) {
    const { code, output } = await line.pulumi(["config", "set", "--secret", key, "--stack", "prod"], value);
    if (code !== 0) throw new Error(output);
  }
  await pulumi("up", "--yes");
  outside.publishDs((await pulumi("stack", "output", "dnssecDs")).trim());
  return { outside, apps, upgrade, checkOut, pulumi, onHost, running, hostFile, close };

  async function pulumi(...args: readonly string[]): Promise<string> {
    const { code, output } = await line.pulumi([...args, "--stack", "prod", "--non-interactive"]);
    if (code !== 0) throw new Error(`pulumi ${args.join(" ")}: ${output}`);
    return output;
  }

  function upgrade(command: string, killAt?: string): Promise<Ended> {
    const [program = "", ...args] = words(command);
    return ended(program, [...args, "--yes"], killAt);
  }

  async function ended(program: string, args: readonly string[], killAt?: string): Promise<Ended> {
    const child = spawn(program, args, { cwd: line.project, env, stdio: ["ignore", "pipe", "pipe"], detached: true });
    let said = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => {
        said += text;
        if (killAt !== undefined && said.includes(killAt) && child.pid !== undefined) killGroup(child.pid);
      });
    return { code: await new Promise((done) => child.on("close", done)), said };
  }

  function checkOut(version: string): void {
    const file = join(line.project, "infra/host/images.ts");
    writeFileSync(file, readFileSync(file, "utf8").replace(PIN, `stalwartlabs/stalwart:v${version}@`));
  }

  async function onHost(script: string): Promise<Ended> {
    const path = `${join(outside.host.folder, "../bin")}:/usr/local/bin:/usr/bin:/bin`;
    const child = spawn("bash", ["-c", script], {
      cwd: outside.host.folder,
      env: { HOME: outside.host.folder, PATH: path },
    });
    let said = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => (said += text));
    return { code: await new Promise((done) => child.on("close", done)), said };
  }

  function running(): string | undefined {
    const image = outside.host.engine.running("stalwart")?.service.image;
    return /:v([0-9.]+)@/.exec(image ?? "")?.[1];
  }

  function hostFile(name: string): string | undefined {
    const file = join(apps, name);
    return existsSync(file) ? readFileSync(file, "utf8").trim() : undefined;
  }

  async function close(): Promise<void> {
    line.close();
    await outside.close();
    folder.remove();
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}
