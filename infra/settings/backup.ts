import { isSftp, sftpFault, sftpLogin } from "./backup-sftp";
import { bad, type Checked, good, hasInvisible } from "./fault";
import { parseList } from "./list";
import { Secret } from "./secret";
import type { BackupSettings } from "./settings";
import { parseAlertUrl } from "./spool";
import { parsePassword } from "./values";

export type BackupMode = "off" | "s3" | "repository";

/** Whoever has the repository can try passwords as fast as they like. */
const SHORTEST_PASSWORD = 20;
const LONGEST_PREFIX = 100;
const LONGEST_REPOSITORY = 1_024;
const MOST_KEPT = 999;

/** What restic itself or its repository's file format takes: these cannot be set a second time. */
const OWN_VARIABLES = ["RESTIC_REPOSITORY", "RESTIC_PASSWORD", "RESTIC_PASSWORD_FILE", "RESTIC_CACHE_DIR"];

/** Checks a bucket's name (S3, "General purpose bucket naming rules"); needed for `s3` only. */
export function parseBucket(text: string, mode: BackupMode | undefined): Checked<string> {
  if (text === "") return mode === "s3" ? bad({ rule: "is empty, and mail:backup is s3" }) : good(text);
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(text)) return bad({ rule: "is no name for a bucket" });
  if (/\.\.|^\d+\.\d+\.\d+\.\d+$/.test(text)) return bad({ rule: "looks like an address or has two dots in a row" });
  return good(text);
}

export function parsePrefix(text: string): Checked<string> {
  const mend = text.replace(/^\/+|\/+$/g, "");
  if (mend !== text && mend !== "") return bad({ rule: "has a / at an end", mend });
  if (!/^[A-Za-z0-9_-][\w.-]*(\/[A-Za-z0-9_-][\w.-]*)*$/.test(text) || text.length > LONGEST_PREFIX)
    return bad({ rule: "is no plain folder in a bucket" });
  return good(text);
}

/** Checks a region's code by its form: Amazon adds new ones. */
export function parseRegion(text: string): Checked<string> {
  return /^[a-z]{2}(-[a-z]+)+-\d$/.test(text) ? good(text) : bad({ rule: "is no region of AWS" });
}

/** Whether the backups need a login by SSH; undefined where that cannot be told. */
export function needsSsh(mode: BackupMode | undefined, repository: Secret | undefined): boolean | undefined {
  if (mode === "s3") return false;
  // Backups that are off for a while keep their other settings.
  return mode !== "repository" || repository === undefined ? undefined : isSftp(repository.reveal());
}

/** Checks restic's name of a repository (restic manual, "Preparing a new repository"); may hold a password. */
export function parseRepository(text: string, mode: BackupMode | undefined): Checked<Secret> {
  const url = text.trim();
  if (url === "")
    return mode === "repository" ? bad({ rule: "is empty, and mail:backup is repository" }) : good(new Secret(""));
  if (hasInvisible(url) || url.length > LONGEST_REPOSITORY) return bad({ rule: "is not one printable word" });
  if (/['"$\\]/.test(url))
    return bad({ rule: "has a quotation mark, $ or backslash, which an environment file changes" });
  if (/^(rest|s3):http:/.test(url))
    return bad({ rule: "is not reached by https", consequence: "The login would travel in the clear." });
  if (url.startsWith("rclone:")) return bad({ rule: "needs a program that restic's container does not have" });
  if (isSftp(url)) {
    const fault = sftpFault(url);
    return fault === undefined ? good(new Secret(url)) : bad(fault);
  }
  if (/^[./~]|^local:/.test(url))
    return bad({ rule: "is a folder on the host", consequence: "What destroys the host would destroy its backups." });
  return /^((rest|s3):https:\/\/[^/]+|(b2|azure|swift):[^:/]+:)/.test(url)
    ? good(new Secret(url))
    : bad({ rule: "is no repository that restic knows" });
}

export function parseBackupPassword(text: string, mode: BackupMode | undefined): Checked<Secret> {
  const isNeeded = mode !== undefined && mode !== "off";
  if (text.trim() === "")
    return isNeeded ? bad({ rule: "is missing, and mail:backup is not off" }) : good(new Secret(""));
  const checked = parsePassword(text);
  if (!checked.ok || checked.value.reveal().length >= SHORTEST_PASSWORD) return checked;
  return bad({ rule: `is shorter than ${SHORTEST_PASSWORD} characters` });
}

/** Checks lines `NAME=value` as an environment file of compose reads them back unchanged. */
export function parseBackupEnvironment(text: string, mode: BackupMode | undefined): Checked<Secret> {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  if (lines.length > 0 && mode === "s3")
    return bad({
      rule: "has no effect with s3: the host's login is made here",
      allowed: "nothing, with s3",
      remove: true,
    });
  const names = lines.map((line) => /^([A-Z][A-Z0-9_]*)=([\x21-\x7e]*)$/.exec(line)?.[1]);
  if (names.includes(undefined)) return bad({ rule: "has a line that is not NAME=value in printable ASCII" });
  if (lines.some((line) => /['"$\\#]/.test(line)))
    return bad({ rule: "has a quotation mark, $, # or backslash, which an environment file changes" });
  if (new Set(names).size < names.length) return bad({ rule: "names a variable twice" });
  if (names.some((name) => name !== undefined && OWN_VARIABLES.includes(name)))
    return bad({ rule: "names a variable that has a setting of its own" });
  return good(new Secret(lines.map((line) => `${line}\n`).join("")));
}

export function parseKeep(text: string): Checked<readonly [number, number, number]> {
  const checked = parseList(text, (item) =>
    typeof item === "number" && Number.isInteger(item) && item >= 0 && item <= MOST_KEPT
      ? good(item)
      : bad({ rule: "is no number of backups" }),
  );
  if (!checked.ok) return checked;
  const [daily, weekly, monthly, ...more] = checked.value;
  if (daily === undefined || weekly === undefined || monthly === undefined || more.length > 0)
    return bad({ rule: `has ${checked.value.length} items, not three` });
  return daily >= 1
    ? good([daily, weekly, monthly])
    : bad({ rule: "keeps no day", consequence: "The newest backup itself would be thrown away." });
}

/** Checks a time of day; `taken` is when something else begins. */
export function parseBackupTime(text: string, taken?: string): Checked<string> {
  if (!/^([01]\d|2[0-3]):[0-5]\d$/.test(text)) return bad({ rule: "is no time of day" });
  return text === taken ? bad({ rule: "is when the export begins" }) : good(text);
}

/** As {@link parseAlertUrl}; `/start` and `/fail` are put behind it. */
export function parseHeartbeatUrl(text: string): Checked<Secret> {
  const checked = parseAlertUrl(text);
  return checked.ok && checked.value.reveal().includes("?") ? bad({ rule: "has a query" }) : checked;
}

interface BackupValues {
  readonly backup: BackupMode;
  readonly backupBucket: string;
  readonly backupPrefix: string;
  readonly backupRegion: string;
  readonly backupBucketImport: boolean;
  readonly backupKeyNumber: number;
  readonly backupKeyKept: number;
  readonly backupRepository: Secret;
  readonly backupPassword: Secret;
  readonly backupPasswordPrevious: Secret;
  readonly backupEnvironment: Secret;
  readonly backupSshPrivateKey: Secret;
  readonly backupSshHostKey: readonly string[];
  readonly backupKeep: readonly [number, number, number];
  readonly backupExportAt: string;
  readonly backupAt: string;
  readonly backupDrill: "monthly" | "weekly" | "off";
  readonly backupAlertUrl: Secret;
  readonly backupHeartbeatUrl: Secret;
}

export function backupOf(values: BackupValues): BackupSettings | undefined {
  if (values.backup === "off") return undefined;
  const [daily, weekly, monthly] = values.backupKeep;
  return {
    target:
      values.backup === "s3"
        ? {
            kind: "s3",
            bucket: values.backupBucket,
            prefix: values.backupPrefix,
            region: values.backupRegion,
            isAdopted: values.backupBucketImport,
            keyNumber: values.backupKeyNumber,
            keptKeyNumber: values.backupKeyKept === 0 ? undefined : values.backupKeyKept,
          }
        : {
            kind: "repository",
            url: values.backupRepository,
            environment: values.backupEnvironment,
            sftp: sftpLogin(values.backupRepository, values.backupSshPrivateKey, values.backupSshHostKey),
          },
    password: values.backupPassword,
    previousPassword: previousOf(values),
    keep: { daily, weekly, monthly },
    exportAt: values.backupExportAt,
    at: values.backupAt,
    drill: values.backupDrill,
    alertUrl: values.backupAlertUrl,
    heartbeatUrl: values.backupHeartbeatUrl,
  };
}

/** Both are the same for a moment when a rotation begins. */
function previousOf({ backupPassword, backupPasswordPrevious }: BackupValues): Secret | undefined {
  const previous = backupPasswordPrevious.reveal();
  return previous === "" || previous === backupPassword.reveal() ? undefined : backupPasswordPrevious;
}
