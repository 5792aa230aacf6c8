import { readFileSync } from "node:fs";
import { join } from "node:path";
import { envFile } from "../formats/env-file";
import { quoted } from "../formats/shell";
import type { HostFile } from "../host/file";
import { yamlFile } from "../host/yaml-file";
import type { BackupSettings, Settings } from "../settings/settings";
import type { BackupKey } from "./bucket";
import { drillProject } from "./drill";
import { sftpFiles } from "./sftp";
import { unitFiles } from "./units";

/** In this order: what is run is at the end. */
const PARTS = ["run", "stalwart", "restic", "password", "restore", "drill", "main"] as const;

/** What restic is called with; its password has a file of its own. Read by compose. */
export const RESTIC_ENVIRONMENT = "backup/secrets/restic.env";

/** As which machine the snapshots and locks of a deployment are known: another host that takes its place goes on with them. */
export function backupHostName({ hostnames }: Settings): string {
  // Longest name of a container (Linux, HOST_NAME_MAX less one).
  return hostnames.server.slice(0, 63);
}

/** The programs, units and secrets of the backups; none without backups. `key`: the login to the bucket, if it is ours. */
export function backupFiles(settings: Settings, key: BackupKey | undefined): readonly HostFile[] {
  const { backup, host } = settings;
  if (backup === undefined) return [];
  const secret = (name: string, content: string, why: string): HostFile => ({
    path: `backup/secrets/${name}`,
    content,
    mode: "0600",
    why,
    restarts: [],
  });
  return [
    {
      path: "backup/mail-backup",
      content: program(settings, backup),
      mode: "0755",
      why: "Export, backup, check, restore and drill.",
      restarts: [],
    },
    {
      path: "backup/drill/compose.yaml",
      content: yamlFile(drillProject()),
      mode: "0644",
      why: "Stalwart on restored data, without any network.",
      restarts: [],
    },
    secret("restic.env", environment(backup, key), "The repository and the login to it."),
    // Its name is before the other's, and files are installed in this order: no backup finds the new one alone.
    ...(backup.previousPassword === undefined
      ? []
      : [secret("former-password", `${backup.previousPassword.reveal()}\n`, "What encrypted the repository before.")]),
    secret("password", `${backup.password.reveal()}\n`, "What encrypts the repository."),
    secret("alert-url", backup.alertUrl.reveal(), "Who is told of failures; may be empty."),
    secret("heartbeat-url", backup.heartbeatUrl.reveal(), "Who misses backups that do not come; may be empty."),
    ...(backup.target.kind === "repository" && backup.target.sftp ? sftpFiles(backup.target.sftp) : []),
    ...unitFiles(backup, host.folder),
  ];
}

/** One file, so that an update never leaves parts of two versions. */
function program(settings: Settings, { keep }: BackupSettings): string {
  return [
    "#!/usr/bin/env bash\n",
    // To shellcheck what only traps call seems unreachable.
    "# shellcheck disable=SC2317\n",
    `readonly host_name=${quoted(backupHostName(settings))}\n`,
    `readonly keep_daily=${keep.daily} keep_weekly=${keep.weekly} keep_monthly=${keep.monthly}\n`,
    ...PARTS.map((part) => readFileSync(join(__dirname, "host", `${part}.sh`), "utf8")),
  ].join("");
}

/** Text of an environment file. The settings hold theirs in this form already. */
function environment({ target }: BackupSettings, key: BackupKey | undefined): string {
  if (target.kind === "repository")
    return envFile({ RESTIC_REPOSITORY: target.url.reveal() }) + target.environment.reveal();
  if (key === undefined) throw new Error("The backup's bucket has no key for the host.");
  const { bucket, prefix, region } = target;
  return envFile({
    RESTIC_REPOSITORY: `s3:https://s3.${region}.amazonaws.com/${bucket}/${prefix}`,
    AWS_DEFAULT_REGION: region,
    AWS_ACCESS_KEY_ID: key.accessKeyId,
    AWS_SECRET_ACCESS_KEY: key.secretAccessKey,
  });
}
