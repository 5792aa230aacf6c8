import { spawn } from "node:child_process";
import { appendFileSync, chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { userInfo } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

import { backupFiles } from "../../../infra/backup/files";
import { composeFile } from "../../../infra/host/compose";
import { Secret } from "../../../infra/settings/secret";
import type { BackupSettings, Settings } from "../../../infra/settings/settings";
import { temporaryFolder } from "../../../sandbox/temporary";
import { toolPath } from "../../../tools/go-tool";
import { backupSettings } from "../../unit/backup/fixtures";
import { documented } from "../../unit/host/fixtures";
import type { RepositoryServer } from "./servers";

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Mounts of one's own are needed to run restic as a container would. */
export const CAN_MOUNT = userInfo().uid === 0;

export interface BackupHost {
  readonly home: string;
  readonly apps: string;
  /** Holds `docker`; to be put first on a PATH. */
  readonly programs: string;
  /** Runs the shipped program. `kill`: ends it with SIGKILL, and all it started, when a call of docker has this text. */
  readonly run: (args: string, options?: { readonly killAt?: string }) => Promise<Ended>;
  /** Runs a command as a login of the host's user would. */
  readonly shell: (command: string) => Promise<Ended>;
  /** Makes a program of the test's out of bash lines: what `docker compose NAME` does to a container. */
  readonly hook: (name: string, script: string | undefined) => void;
  readonly calls: () => readonly string[];
  /** What was posted: path and body. */
  readonly posts: () => readonly string[];
  readonly status: () => Record<string, Record<string, string | null>>;
  /** Ships other settings. */
  readonly ship: (changes: Partial<BackupSettings>) => void;
  readonly close: () => void;
}

/** A host with the shipped files of the backups, a repository on `server` and a listener for alerts. */
export async function startBackupHost(
  server: RepositoryServer,
  name: string,
  trust: string,
  port = server.port,
): Promise<BackupHost> {
  const folder = temporaryFolder();
  const home = join(folder.path, "home");
  const apps = join(home, "apps");
  const programs = join(folder.path, "programs");
  for (const made of [join(home, "engine"), programs, join(apps, "stalwart/data")])
    mkdirSync(made, { recursive: true });
  const node = process.execPath;
  const yaml = pathToFileURL(require.resolve("yaml")).href;
  writeFileSync(
    join(programs, "docker"),
    [
      "#!/bin/bash",
      `export MAIL_STACK_RESTIC='${toolPath("restic")}' MAIL_STACK_TRUST='${trust}' MAIL_STACK_YAML='${yaml}'`,
      `exec '${node}' '${join(__dirname, "docker.mjs")}' "$@"`,
      "",
    ].join("\n"),
    { mode: 0o755 },
  );

  const posts: string[] = [];
  const listener = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString("utf8")));
    request.on("end", () => {
      posts.push(`${request.url ?? ""} ${body}`);
      response.end();
    });
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const base = `http://127.0.0.1:${(listener.address() as AddressInfo).port}`;

  const environment = Object.entries(server.environment).map(([key, value]) => `${key}=${value}\n`);
  const fixed: Partial<BackupSettings> = {
    target: {
      kind: "repository",
      url: new Secret(server.url(name, port)),
      environment: new Secret(environment.join("")),
      sftp: server.sftp,
    },
    alertUrl: new Secret(`${base}/alert`),
    heartbeatUrl: new Secret(`${base}/beat`),
  };
  const ship = (changes: Partial<BackupSettings>) => {
    const settings: Settings = documented({ backup: backupSettings({ ...fixed, ...changes }) });
    const files = backupFiles(settings, undefined);
    for (const file of [...files, composeFile(settings, files)]) {
      mkdirSync(dirname(join(apps, file.path)), { recursive: true });
      rmSync(join(apps, file.path), { force: true });
      writeFileSync(join(apps, file.path), file.content, { mode: Number.parseInt(file.mode, 8) });
    }
  };
  ship({});
  // A server that is another user's looks into it.
  for (const path of [folder.path, home, apps, join(apps, "stalwart")]) chmodSync(path, 0o755);
  for (const path of ["stalwart/secrets", "stalwart/plan", "stalwart/tls", "onhost"])
    mkdirSync(join(apps, path), { recursive: true });
  writeFileSync(join(apps, "stalwart/config.json"), "{}");
  writeFileSync(join(apps, "mail-stack/.env"), "MAIL_UID=0\nMAIL_GID=0\n");
  writeFileSync(join(home, "engine/running mail-stack stalwart"), "");

  return { home, apps, programs, run, shell, hook, calls, posts: () => posts.splice(0), status, ship, close };

  async function run(args: string, { killAt }: { killAt?: string } = {}): Promise<Ended> {
    const child = spawn(join(apps, "backup/mail-backup"), args.split(" "), {
      detached: true,
      env: { HOME: home, PATH: `${programs}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin` },
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    const watch =
      killAt === undefined
        ? undefined
        : setInterval(() => {
            if (calls(false).some((call) => call.includes(killAt)) && child.pid !== undefined)
              process.kill(-child.pid, "SIGKILL");
          }, 5);
    const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
    clearInterval(watch);
    return { code, stdout, stderr };
  }

  async function shell(command: string): Promise<Ended> {
    const path = `${programs}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin`;
    const child = spawn("bash", ["-c", command], { cwd: home, env: { HOME: home, PATH: path } });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("latin1").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    return { code: await new Promise((resolve) => child.on("close", resolve)), stdout, stderr };
  }

  function hook(called: string, script: string | undefined): void {
    const file = join(home, "engine", called);
    rmSync(file, { force: true });
    if (script !== undefined) writeFileSync(file, `#!/bin/bash\n${script}\n`, { mode: 0o755 });
  }

  function calls(forget = true): readonly string[] {
    const file = join(home, "engine/calls");
    const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1) : [];
    if (forget) rmSync(file, { force: true });
    return lines;
  }

  function status(): Record<string, Record<string, string | null>> {
    return JSON.parse(readFileSync(join(apps, "backup/state/status.json"), "utf8")) as ReturnType<typeof status>;
  }

  function close(): void {
    listener.close();
    listener.closeAllConnections();
    folder.remove();
  }
}

/** A file that changes with each call. */
export function mail(apps: string, name: string, size = 2_000): void {
  appendFileSync(join(apps, "stalwart/data", name), `${"x".repeat(size)}${Math.random()}`);
}
