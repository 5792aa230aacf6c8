import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Settings } from "../../infra/settings/settings";
import { FILES } from "../../onhost/src/deployment";
import type { Outside } from "../../sandbox/outside";
import { issued } from "../worker/certificate";

const DAY_MS = 86_400_000;

/** What the host has after its first night, and the sandbox does not: backups, and a certificate of an authority. */
export function passNight(outside: Outside, settings: Settings): void {
  backUp(outside, settings);
  certify(outside, settings);
}

/** Files as the jobs of last night leave them: no timer runs in the sandbox. */
function backUp({ host }: Outside, settings: Settings): void {
  const folder = join(host.folder, settings.host.folder);
  const success = new Date().toISOString().replace(/\.\d+Z$/, "Z");
  const job = { success, failure: null };
  for (const path of ["backup/state", "stalwart/data/export"]) mkdirSync(join(folder, path), { recursive: true });
  writeFileSync(
    join(folder, "backup/state/status.json"),
    JSON.stringify({ format: 1, export: job, backup: job, check: job, drill: job }),
  );
  writeFileSync(join(folder, "stalwart/data/export/manifest.json"), "{}");
}

/** As Traefik gets it from its authority, for all names that clients use. */
function certify({ host }: Outside, settings: Settings): void {
  const { server, clients } = settings.hostnames;
  const { cert, key } = issued([server, clients], new Date(Date.now() - DAY_MS), new Date(Date.now() + 80 * DAY_MS));
  const folder = join(host.folder, settings.host.folder);
  writeFileSync(join(folder, FILES.certificate), cert);
  writeFileSync(join(folder, FILES.certificateKey), key);
}
