import { shellWord } from "../../infra/formats/shell";
import { windowsArguments } from "../../infra/formats/windows";
import type { ClientFile } from "./file";
import { launchdAgent, launchdLabel } from "./launchd";
import type { Forward } from "./local";
import { scheduledTask } from "./scheduled-task";
import { systemdUnit } from "./systemd";

export const SYSTEMS = ["linux", "macos", "windows"] as const;
export type System = (typeof SYSTEMS)[number];

/** How a system starts programs with the session and where it keeps names. */
interface Installation {
  readonly file: (domain: string, forward: Forward) => ClientFile;
  /** Commands that put the files of this folder to work and can be repeated. */
  readonly commands: (folder: string, domain: string, forwards: readonly Forward[]) => readonly string[];
  readonly hostsFile: string;
  /** What installs cloudflared. */
  readonly cloudflared: string;
}

export const INSTALLATION: Readonly<Record<System, Installation>> = {
  linux: {
    file: (_, forward) => systemdUnit(forward),
    commands: (folder, domain, forwards) => [
      `install -Dm644 -t ~/.config/systemd/user ${shellWord(folder)}/mail-${domain}-*.service`,
      "systemctl --user daemon-reload",
      ...forwards.map(({ unit }) => `systemctl --user enable --now ${unit}.service`),
    ],
    hostsFile: "/etc/hosts",
    cloudflared: "package `cloudflared` of https://pkg.cloudflare.com",
  },
  macos: {
    file: launchdAgent,
    commands: (folder, domain, forwards) => {
      const labels = forwards.map((forward) => launchdLabel(domain, forward));
      return [
        ...labels.map((label) => `cp ${shellWord(folder)}/${label}.plist ~/Library/LaunchAgents/`),
        "cd ~/Library/LaunchAgents",
        ...labels.map((label) => `launchctl bootstrap gui/$(id -u) ${label}.plist`),
      ];
    },
    hostsFile: "/etc/hosts",
    cloudflared: "brew install cloudflared",
  },
  windows: {
    file: (_, forward) => scheduledTask(forward),
    // A task for every user may be made by administrators only.
    commands: (folder, _, forwards) => [
      `cd ${windowsArguments([folder])}`,
      ...forwards.flatMap(({ unit }) => [
        `schtasks /Create /F /TN ${unit} /XML ${unit}.xml`,
        `schtasks /Run /TN ${unit}`,
      ]),
    ],
    hostsFile: "C:\\Windows\\System32\\drivers\\etc\\hosts",
    cloudflared: "winget install Cloudflare.cloudflared",
  },
};

/** The system that this runs on; Linux where it is none of the three. */
export function ownSystem(platform: NodeJS.Platform = process.platform): System {
  return platform === "darwin" ? "macos" : platform === "win32" ? "windows" : "linux";
}
