import type { HostFile } from "../host/file";
import type { BackupSettings } from "../settings/settings";

/** Units of the user's own systemd: the host's user is not root. install.sh links and starts what lies in a folder `units`. */
const FOLDER = "backup/units";

/** Attempts of one night, and the pause between two. */
const ATTEMPTS = 3;
const PAUSE_MINUTES = 15;
/** How long a run may take, in hours: the first one uploads everything. */
export const RUN_HOURS = 12;

/** Days on which the drill is due, for systemd.time(7), after the night's backup. */
const DRILL_DAYS = { monthly: "*-*-01", weekly: "Sun *-*-*", off: undefined } as const;
const DRILL_TIME = "05:00";

/** The timers and what they start. `folder`: the apps folder's name below the user's home. */
export function unitFiles({ exportAt, at, drill }: BackupSettings, folder: string): readonly HostFile[] {
  const program = `%h/${folder}/backup/mail-backup`;
  const days = DRILL_DAYS[drill];
  return [
    ...job("mail-backup-export", "Export of all mail as files", `${program} export`, program, `*-*-* ${exportAt}:00`),
    ...job(
      "mail-backup",
      "Backup of the mail host",
      `${program} backup`,
      program,
      `*-*-* ${at}:00`,
      "mail-backup-export",
    ),
    ...(days === undefined
      ? []
      : job(
          "mail-backup-drill",
          "Restore of the newest backup, aside",
          `${program} drill`,
          program,
          `${days} ${DRILL_TIME}:00`,
          "mail-backup",
        )),
    unit(
      "mail-backup-start-again.service",
      "Starts Stalwart after a power cut in the middle of a backup.",
      `[Unit]
Description=Start of Stalwart after a backup that was cut
StartLimitIntervalSec=0

[Service]
Type=oneshot
ExecStart=${program} start-again
Restart=on-failure
RestartSec=30

[Install]
WantedBy=default.target
`,
    ),
  ];
}

function job(
  name: string,
  description: string,
  command: string,
  program: string,
  calendar: string,
  after?: string,
): readonly HostFile[] {
  return [
    unit(
      `${name}.service`,
      `${description}.`,
      `[Unit]
Description=${description}
${after === undefined ? "" : `After=${after}.service\n`}StartLimitIntervalSec=6h
StartLimitBurst=${ATTEMPTS}

[Service]
Type=oneshot
ExecStart=${command}
# Also when the run was killed.
ExecStopPost=${program} start-again
Restart=on-failure
RestartSec=${PAUSE_MINUTES}min
TimeoutStartSec=${RUN_HOURS}h
Nice=10
`,
    ),
    unit(
      `${name}.timer`,
      `When: ${description.toLowerCase()}.`,
      `[Unit]
Description=${description}, ${calendar}

[Timer]
OnCalendar=${calendar}
# A host that was off makes up for it.
Persistent=true

[Install]
WantedBy=timers.target
`,
    ),
  ];
}

function unit(name: string, why: string, content: string): HostFile {
  return { path: `${FOLDER}/${name}`, content, mode: "0644", why, restarts: [] };
}
