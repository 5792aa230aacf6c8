import { systemdText, systemdWords } from "../../infra/formats/systemd";
import type { Forward } from "./local";
import type { ClientFile } from "./file";

/**
 * A unit of the user's own systemd (systemd.service(5)). `env` looks along the PATH of the session, so cloudflared may be
 * where the distribution or the user put it. It listens at once and connects only when a mail program does.
 */
export function systemdUnit({ title, unit, command }: Forward): ClientFile {
  const lines = [
    "[Unit]",
    `Description=${systemdText(`Mail of ${title} through Cloudflare`)}`,
    "# A laptop wakes up without a network: trying again must never end.",
    "StartLimitIntervalSec=0",
    "",
    "[Service]",
    `ExecStart=${systemdWords(["/usr/bin/env", ...command])}`,
    "Restart=always",
    "RestartSec=10",
    "NoNewPrivileges=yes",
    "",
    "[Install]",
    "WantedBy=default.target",
    "",
  ];
  return { name: `${unit}.service`, content: lines.join("\n") };
}
