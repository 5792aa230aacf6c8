import { Secret } from "../../../infra/settings/secret";
import type { BackupSettings } from "../../../infra/settings/settings";

export const BACKUP_SECRETS = {
  password: "backup-password-value",
  alertUrl: "https://ntfy.example.org/alert-topic-value",
  heartbeatUrl: "https://hc.example.org/heartbeat-value",
  accessKey: "secret-access-key-value",
};

export const BACKUP_KEY = { accessKeyId: "AKIAEXAMPLE", secretAccessKey: BACKUP_SECRETS.accessKey };

/** Backups into the documented bucket. */
export function backupSettings(changes: Partial<BackupSettings> = {}): BackupSettings {
  return {
    target: {
      kind: "s3",
      bucket: "augustin-backups",
      prefix: "i3",
      region: "us-east-1",
      isAdopted: false,
      keyNumber: 1,
      keptKeyNumber: undefined,
    },
    password: new Secret(BACKUP_SECRETS.password),
    previousPassword: undefined,
    keep: { daily: 14, weekly: 8, monthly: 12 },
    exportAt: "02:45",
    at: "03:00",
    drill: "monthly",
    alertUrl: new Secret(BACKUP_SECRETS.alertUrl),
    heartbeatUrl: new Secret(BACKUP_SECRETS.heartbeatUrl),
    ...changes,
  };
}
