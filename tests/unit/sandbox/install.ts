import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import type { HostFile } from "../../../infra/host/file";
import { type Project, readProject } from "../../../sandbox/host/docker/compose-file";

/** What the install script makes beside the files; see infra/host/ship. */
const FOLDERS = ["stalwart/data", "stalwart/tls", "stalwart/keys", "stalwart/secrets", "arrivals/keys", "traefik/acme"];
const PASSWORD = "Recovery-Password-17";

/** Lays the files down as the install script does, without it. @returns the compose project */
export function install(apps: string, files: readonly Pick<HostFile, "path" | "content" | "mode">[]): Project {
  const minted = [
    { path: "mail-stack/.env", content: "MAIL_UID=1000\nMAIL_GID=1000\n", mode: "0644" },
    {
      path: "stalwart/secrets/recovery-admin.env",
      content: `STALWART_RECOVERY_ADMIN=admin:${PASSWORD}\n`,
      mode: "0600",
    },
    {
      path: "stalwart/secrets/stalwart-cli.env",
      content: `STALWART_USER=admin\nSTALWART_PASSWORD=${PASSWORD}\n`,
      mode: "0600",
    },
  ];
  for (const folder of FOLDERS) mkdirSync(join(apps, folder), { recursive: true });
  for (const { path, content, mode } of [...files, ...minted]) {
    mkdirSync(dirname(join(apps, path)), { recursive: true });
    writeFileSync(join(apps, path), content);
    chmodSync(join(apps, path), Number.parseInt(mode, 8));
  }
  return readProject(join(apps, "mail-stack", "compose.yaml"), {});
}
