import { Fault } from "./fault";

/** What is known of the data before a version of Stalwart may touch it. */
export interface DataState {
  /** The version that last ran on the data; undefined when nothing was recorded. */
  readonly ran: string | undefined;
  readonly hasData: boolean;
}

/** The format of the data before it has to be migrated by hand; Stalwart refuses it at a normal start. */
const FIRST_MINOR = 16;

type Version = readonly [major: number, minor: number, patch: number];

/**
 * Refuses a version that may not run on the data: one below the last (Stalwart does not notice a downgrade, and may
 * misread what the newer one wrote), and one that skips a minor version (each has its own migration).
 * Throws a `Fault`. `wanted`: `0.16.18`.
 */
export function guardUpgrade(wanted: string, { ran, hasData }: DataState): void {
  if (ran === undefined) {
    if (hasData)
      throw new Fault(
        "There is Stalwart data on the host, and no record of the version that wrote it.",
        `${wanted} was not started: it could misread the data of another version.`,
        "Write the version into stalwart/version beside the data (echo 0.16.18 > stalwart/version) and run pulumi up again.",
      );
    return;
  }
  const [from, to] = [parse(ran), parse(wanted)];
  if (compare(to, from) < 0)
    throw new Fault(
      `Stalwart ${ran} has run on this data, and ${wanted} is older.`,
      "It was not started: an older version does not notice newer data and can damage it.",
      "Take the newer mail-stack again, or restore the backup that was made before the upgrade.",
    );
  if (from[0] === 0 && from[1] < FIRST_MINOR)
    throw new Fault(
      `Stalwart ${ran} has run on this data, from before 0.${FIRST_MINOR}.`,
      `${wanted} was not started: it does not migrate such data by itself.`,
      "Migrate it as Stalwart's UPGRADING/v0_16.md says, write 0.16.0 into stalwart/version and run pulumi up again.",
    );
  const steps = to[0] === from[0] ? to[1] - from[1] : Infinity;
  if (steps > 1)
    throw new Fault(
      `Stalwart ${ran} has run on this data, and ${wanted} is more than one minor version ahead.`,
      "It was not started: every minor version has a migration of its own.",
      `Take the mail-stack with Stalwart ${from[0]}.${from[1] + 1} first, run pulumi up, then this one; make a backup before each.`,
    );
}

function parse(text: string): Version {
  const [, ...parts] = /^v?(\d{1,4})\.(\d{1,4})\.(\d{1,4})$/.exec(text.trim()) ?? [];
  const [major, minor, patch] = parts.map(Number);
  if (major !== undefined && minor !== undefined && patch !== undefined) return [major, minor, patch];
  throw new Fault(
    "stalwart/version holds no version.",
    "Whether this Stalwart may run on the data is not known, so it was not started.",
    "Write the version that last ran into it, such as 0.16.18, and run pulumi up again.",
  );
}

function compare(one: Version, other: Version): number {
  const index = one.findIndex((part, place) => part !== other[place]);
  return index < 0 ? 0 : (one[index] ?? 0) - (other[index] ?? 0);
}
