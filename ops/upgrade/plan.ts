import type { Settings } from "../../infra/settings/settings";
import type { Step } from "../recover/plans";

/** A step of an upgrade; `canary` is a message that has to come home. Each may be run again after it was cut. */
export type UpgradeStep = Step | { readonly where: "canary"; readonly what: string };

/** The oldest version from which Stalwart migrates its data by itself (its UPGRADING/v0_16.md). */
const OLDEST_MINOR = 16;

/**
 * The upgrade to the Stalwart that this checkout pins. Pure.
 *
 * @param wanted `0.16.19`
 */
export function upgradePlan({ host, backup }: Settings, stack: string, wanted: string): readonly UpgradeStep[] {
  const { apps, compose } = placesOf(host.folder);
  return [
    {
      where: "host",
      what: `See that Stalwart ${wanted} can take over the data as they are.`,
      command: guardCommand(`${apps}/stalwart/version`, wanted),
    },
    ...(backup === undefined
      ? []
      : [
          {
            where: "host",
            what: "Export the mail and make a snapshot; Stalwart stands still for some seconds.",
            command: `${apps}/backup/mail-backup export && ${apps}/backup/mail-backup backup && ${apps}/backup/mail-backup snapshots`,
          } as const,
        ]),
    {
      where: "here",
      what: `Install Stalwart ${wanted}. Mail that comes meanwhile waits in the spool.`,
      command: `pulumi up --yes --stack ${stack}`,
    },
    { where: "host", what: "See that every service is healthy.", command: `${compose} up --detach --wait` },
    { where: "canary", what: "Send a message through the Worker into the mailbox." },
  ];
}

/**
 * The way back to the snapshot that the upgrade made, in a checkout that pins the former Stalwart. The newer one must not
 * start on the restored data, and the older one not on the newer data: the store is empty in between.
 *
 * @param snapshot `latest`, or hexadecimal
 */
export function backPlan({ host }: Settings, stack: string, snapshot: string): readonly UpgradeStep[] {
  const { apps, compose } = placesOf(host.folder);
  const data = `${apps}/stalwart/data`;
  return [
    {
      where: "host",
      what: "Stop Stalwart and put its data aside; they are deleted by nobody.",
      command:
        `${compose} stop stalwart && aside=${data}.after-upgrade-$(date -u +%Y%m%dT%H%M%SZ) && mkdir -m 0700 -- "$aside" && ` +
        `find -H ${data} -mindepth 1 -maxdepth 1 -exec mv -t "$aside" {} + && rm -f -- ${apps}/stalwart/version`,
    },
    {
      where: "here",
      what: "Install the former Stalwart with an empty store. Mail waits in the spool.",
      command: `pulumi up --yes --stack ${stack}`,
    },
    {
      where: "host",
      what: `Restore the mail of the snapshot ${snapshot}.`,
      command: `${apps}/backup/mail-backup restore mail ${snapshot}`,
    },
    { where: "host", what: "See that every service is healthy.", command: `${compose} up --detach --wait` },
    { where: "canary", what: "Send a message through the Worker into the mailbox." },
  ];
}

/** The same rule as the guard that `pulumi up` runs on the host: asked before the backup, not after it. */
export function guardCommand(file: string, wanted: string): string {
  const [major = 0, minor = 0] = wanted.split(".").map(Number);
  const minors = [minor - 1, minor].filter((each) => each >= 0 && (major > 0 || each >= OLDEST_MINOR));
  const allowed = minors.map((each) => `${major}.${each}.*`).join("|");
  return [
    `have=$(cat ${file}) || exit 1`,
    `[ "$have" != ${wanted} ] || { echo "Stalwart $have has run on the data already; nothing is to be upgraded." >&2; exit 1; }`,
    `case $have in ${allowed}) ;; *) echo "Stalwart $have wrote the data: ${wanted} is not the next after it." >&2; exit 1 ;; esac`,
    `[ "$(printf '%s\\n' "$have" ${wanted} | sort -V | tail -n 1)" = ${wanted} ] || ` +
      `{ echo "Stalwart $have wrote the data, and ${wanted} is older." >&2; exit 1; }`,
    `echo "From Stalwart $have to ${wanted}."`,
  ].join("; ");
}

function placesOf(folder: string) {
  const apps = `"$HOME"/${folder}`;
  return { apps, compose: `docker compose -f ${apps}/mail-stack/compose.yaml` };
}
