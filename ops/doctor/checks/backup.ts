import { isProps, type Props, textOf } from "../../adopt/props";
import { type Check, error, type Finding, ok, warning } from "../check";
import type { HostDeployment } from "../context";
import { hostCheck } from "./host";

const area = "backup";
const HOUR_MS = 3_600_000;
/** Each runs every night; the check about once a week. Beyond `warning` one was missed, beyond `error` several. */
const HOURS = {
  export: { warning: 30, error: 78 },
  backup: { warning: 30, error: 78 },
  check: { warning: 10 * 24, error: 30 * 24 },
  monthly: { warning: 35 * 24, error: 70 * 24 },
  weekly: { warning: 9 * 24, error: 30 * 24 },
} as const;

interface Limits {
  readonly warning: number;
  readonly error: number;
}

/** What the host's own report says of its backups (infra/backup/host/run.sh writes it). */
export function backupChecks({ settings }: HostDeployment): readonly Check[] {
  const { backup, host } = settings;
  if (backup === undefined) return [];
  const program = `${host.folder}/backup/mail-backup`;
  const job = (name: "export" | "backup" | "check" | "drill", title: string, why: string, limits: Limits): Check =>
    hostCheck({
      id: `backup.${name}`,
      area,
      title,
      why,
      finding: ({ one }, now) => {
        const status = statusOf(one("backup"));
        const own = status[name];
        const { success, failure, why: reason } = isProps(own) ? own : {};
        const remedy = `On the host: ${program} ${name}`;
        if (textOf(failure) !== "") return error(`failed: ${textOf(reason)}`, "went well", remedy);
        return ageFinding(Date.parse(textOf(success)), now, limits, remedy);
      },
    });
  return [
    job("backup", "There is a fresh snapshot", "What came since the last one is lost with the disk.", HOURS.backup),
    job("export", "The mail was exported as files", "It is the copy that can be read without Stalwart.", HOURS.export),
    job("check", "The repository was checked", "Damage in it is found only by reading it.", HOURS.check),
    ...(backup.drill === "off"
      ? []
      : [job("drill", "A restore was tried", "A backup is one when it was restored.", HOURS[backup.drill])]),
    hostCheck({
      id: "backup.manifest",
      area,
      title: "The exported files are fresh",
      why: "The drill and a restore compare mail with this list.",
      needs: ["backup.export"],
      finding: ({ one }, now) =>
        ageFinding(Number(one("manifest") || Number.NaN) * 1_000, now, HOURS.export, `On the host: ${program} export`),
    }),
  ];
}

function ageFinding(at: number, now: Date, limits: Limits, remedy: string): Finding {
  const expected = `at most ${limits.warning} h ago`;
  if (Number.isNaN(at)) return warning("never", expected, remedy);
  const hours = Math.floor((now.getTime() - at) / HOUR_MS);
  const current = `${hours} h ago`;
  if (hours > limits.error) return error(current, expected, remedy);
  return hours > limits.warning ? warning(current, expected, remedy) : ok(current, expected);
}

function statusOf(text: string): Props {
  try {
    const value: unknown = JSON.parse(text);
    return isProps(value) ? value : {};
  } catch {
    return {};
  }
}
