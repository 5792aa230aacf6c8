import type { ConfigKey } from "./config-key";

/** Keys of the backups. */
export const BACKUP_KEYS = {
  backup: {
    type: "string",
    ofHost: true,
    description:
      "Where the nightly backups go: `s3` (a bucket of AWS, made or adopted here), `repository` (any other restic repository; no AWS account is needed), or `off`.",
    default: "off",
    example: "s3",
  },
  backupBucket: {
    type: "string",
    ofHost: true,
    description: "With `s3`: the bucket's name, unique in the world.",
    default: "",
    example: "example-backups",
  },
  backupPrefix: {
    type: "string",
    ofHost: true,
    description: "With `s3`: the folder in the bucket; the host can reach nothing else in it.",
    default: "mail",
    example: "mail",
  },
  backupRegion: {
    type: "string",
    ofHost: true,
    description: "With `s3`: the bucket's region. It cannot be changed later.",
    default: "us-east-1",
    example: "eu-central-1",
  },
  backupBucketImport: {
    type: "boolean",
    ofHost: true,
    description: "With `s3`: the bucket exists already and is adopted instead of made.",
    default: false,
    example: "true",
  },
  backupRepository: {
    type: "string",
    ofHost: true,
    description:
      "With `repository`: restic's name for it (`rest:https://…`, `s3:https://…` for R2 and others, `sftp://user@host//folder`, `b2:…`, `azure:…`, `swift:…`). May be stored encrypted: it may hold a password.",
    default: "",
    sensitive: true,
    example: "rest:https://backup.example.org/mail",
  },
  backupKeyNumber: {
    type: "integer",
    ofHost: true,
    description:
      "With `s3`: number of the AWS access key with which the host writes, 1 to 9999. One more makes a new key and deletes the old one once the host has it.",
    default: 1,
    example: "2",
  },
  backupKeyKept: {
    type: "integer",
    ofHost: true,
    description:
      "With `s3`: number of the former AWS access key, which works until this is 0 again, 1 to 9999; 0 for none.",
    default: 0,
    example: "0",
  },
  backupPassword: {
    type: "string",
    ofHost: true,
    description: "The password that encrypts the backups. Keep a copy outside: without it no backup can be read.",
    default: "",
    derived: "none; secret, required for backups",
    encrypted: true,
    example: "...",
    input: { pipe: "openssl rand -base64 30" },
  },
  backupPasswordPrevious: {
    type: "string",
    ofHost: true,
    description:
      "The previous password, while it is being replaced: the host gives the repository a key for the new password, then removes this one's. Set and removed by `npm run rotate -- restic --stack prod`.",
    default: "",
    derived: "none; secret",
    encrypted: true,
    example: "...",
  },
  backupEnvironment: {
    type: "string",
    ofHost: true,
    description:
      "With `repository`: what restic needs to log in there, as lines `NAME=value` (`B2_ACCOUNT_ID`, `AWS_ACCESS_KEY_ID`, …).",
    default: "",
    derived: "none; secret",
    encrypted: true,
    example: "...",
    input: { pipe: "cat" },
  },
  backupSshPrivateKey: {
    type: "string",
    ofHost: true,
    description:
      "With an `sftp` repository: the private key that logs in there, made for nothing else. In OpenSSH's form, without passphrase.",
    default: "",
    derived: "none; secret, required for sftp",
    encrypted: true,
    example: "...",
    input: { file: "~/.ssh/mail-storage" },
  },
  backupSshHostKey: {
    type: "string",
    ofHost: true,
    description:
      "With an `sftp` repository: the storage's own public keys, one in a line. A storage that shows another one is not talked to.",
    default: "",
    derived: "none; required for sftp",
    example: "ssh-ed25519 AAAA...",
  },
  backupKeep: {
    type: "array",
    ofHost: true,
    description: "How many backups are kept: the last of so many days, weeks and months.",
    default: [14, 8, 12],
    example: "[14,8,12]",
  },
  backupExportAt: {
    type: "string",
    ofHost: true,
    description: "When the mail is exported as files, in the host's time.",
    default: "02:45",
    example: "02:45",
  },
  backupAt: {
    type: "string",
    ofHost: true,
    description: "When the backup is made, in the host's time. Stalwart stands still for a few seconds.",
    default: "03:00",
    example: "03:00",
  },
  backupDrill: {
    type: "string",
    ofHost: true,
    description: "How often the newest backup is restored on the host and compared: `monthly`, `weekly` or `off`.",
    default: "monthly",
    example: "monthly",
  },
  backupAlertUrl: {
    type: "string",
    ofHost: true,
    description: "https URL that gets a POST when an export, backup, check or drill fails. May be stored encrypted.",
    default: "",
    derived: "no alert",
    sensitive: true,
    example: "https://ntfy.sh/TOPIC",
  },
  backupHeartbeatUrl: {
    type: "string",
    ofHost: true,
    description:
      "https URL that is told of each backup's start (`/start`), success and failure (`/fail`), as Healthchecks wants it: who hears nothing for a day raises the alarm. May be stored encrypted.",
    default: "",
    derived: "no heartbeat",
    sensitive: true,
    example: "https://hc-ping.com/UUID",
  },
} as const satisfies Record<string, ConfigKey>;
