import { lockedDown, readOnly, writable } from "../host/compose-service";
import type { Service } from "../host/compose-type";
import { imageReference, IMAGES } from "../host/images";
import type { Settings } from "../settings/settings";
import { backupHostName, RESTIC_ENVIRONMENT } from "./files";
import { RESTIC_OVER_SSH, USER_FILE } from "./sftp";

/** restic as a tool of the compose project. Where it sees what is written in host/restic.sh. */
export function resticService(settings: Settings): Service {
  const target = settings.backup?.target;
  const overSsh = target?.kind === "repository" && target.sftp !== undefined;
  return {
    image: imageReference(IMAGES.restic),
    profiles: ["tools"],
    ...(overSsh && { entrypoint: RESTIC_OVER_SSH }),
    // Its locks name it, so that this host knows its own.
    hostname: backupHostName(settings),
    init: true,
    environment: {
      RESTIC_PASSWORD_FILE: "/apps/backup/secrets/password",
      RESTIC_CACHE_DIR: "/cache",
      RESTIC_PROGRESS_FPS: "0.0166",
      // Under its tmpfs a restore of large files would not fit; it packs there.
      TMPDIR: "/cache",
    },
    env_file: [`../${RESTIC_ENVIRONMENT}`],
    volumes: [
      readOnly("", "/apps"),
      readOnly("backup/work/data", "/stalwart-data"),
      readOnly("stalwart/data/export", "/export"),
      writable("backup/cache", "/cache"),
      writable("backup/restore", "/restore"),
      ...(overSsh ? [readOnly(USER_FILE, "/etc/passwd")] : []),
    ],
    networks: { edge: {} },
    mem_limit: "1g",
    pids_limit: 256,
    restart: "no",
    ...lockedDown(),
  };
}
