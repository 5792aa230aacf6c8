import { shellWord } from "../../infra/formats/shell";
import type { Settings } from "../../infra/settings/settings";

export const SCENARIOS = ["container", "restore", "reimport", "read", "host"] as const;
export type Scenario = (typeof SCENARIOS)[number];

/** One step of a recovery. Each may be run again after it was cut. */
export interface Step {
  /** For a tired person, one sentence. */
  readonly what: string;
  /** `host`: a command over SSH; `here`: one on this machine; `person`: what nobody else can do. */
  readonly where: "host" | "here" | "person";
  /** For bash; for a person what to type or to look at. */
  readonly command: string;
}

/** When which of them is right. */
export const WHEN: Readonly<Record<Scenario, string>> = {
  container: "The containers are gone or stopped; the data on the host are whole.",
  restore: "Stalwart's data are damaged or deleted; the host is fine.",
  reimport: "Stalwart's store itself cannot be trusted: a new one, filled from the exported mail.",
  read: "Stalwart is down and mail must be read now.",
  host: "The host is gone; there is a new one, this checkout, the stack file and its passphrase.",
};

export interface PlanOptions {
  readonly stack: string;
  /** `latest`, or hexadecimal. */
  readonly snapshot: string;
  /** Where `read` puts the mail on this machine. */
  readonly folder: string;
}

/** What a recovery does, in order. Pure. */
export function recoveryPlan(scenario: Scenario, settings: Settings, options: PlanOptions): readonly Step[] {
  const apps = `"$HOME"/${settings.host.folder}`;
  const compose = `docker compose -f ${apps}/mail-stack/compose.yaml`;
  const backup = `${apps}/backup/mail-backup`;
  const { snapshot, folder } = options;
  const stack = shellWord(options.stack);
  const up = `pulumi up --yes --stack ${stack}`;
  const healthy = step("host", "See that every service is healthy.", `${compose} up --detach --wait`);
  switch (scenario) {
    case "container":
      return [step("host", "Start the containers; Stalwart opens its store again.", `${compose} up --detach --wait`)];
    case "restore":
      return [
        step(
          "host",
          `Restore mail and export of the snapshot ${snapshot}; what is there now is kept aside.`,
          `${backup} restore mail ${snapshot}`,
        ),
        healthy,
      ];
    case "reimport":
      return [
        step("host", `Fetch the exported mail of the snapshot ${snapshot}.`, `${backup} restore export ${snapshot}`),
        step("host", "Put Stalwart's store aside and start with an empty one.", `${backup} restore nothing`),
        step(
          "here",
          "Bring accounts, passwords and the Worker's key back.",
          `${up} --replace '**host-files' --replace '**host-key' --replace '**host-arrivals-key'`,
        ),
        step(
          "host",
          "Import the mail.",
          `${compose} --profile tools run --rm -T --volume ${apps}/backup/restore/export:/restored onhost import /restored/export`,
        ),
      ];
    case "read":
      return [
        step(
          "host",
          `Copy the last export to ${folder} on this machine: one .eml for each message, in folders named like the mailboxes.`,
          `tar -C ${apps}/stalwart/data/export -cf - .`,
        ),
        step("person", "Read it with any mail program, or search it.", `grep -ril 'TEXT' ${shellWord(folder)}`),
      ];
    case "host":
      return [
        step(
          "person",
          "On the new host: docker with compose, curl, the user, its SSH key, and timers that run without a login.",
          `sudo loginctl enable-linger ${settings.host.user}`,
        ),
        step(
          "person",
          "Name the new host in the stack file, with the key as its console shows it.",
          `pulumi config set mail:hostAddress ADDRESS --stack ${stack}; pulumi config set mail:hostKey 'ssh-ed25519 KEY' --stack ${stack}`,
        ),
        step("here", "Install everything, with an empty Stalwart.", up),
        step(
          "host",
          `Restore mail, keys and certificates of the snapshot ${snapshot}.`,
          `${backup} restore host ${snapshot}`,
        ),
        step(
          "here",
          "Give the Worker the key that the restored store knows.",
          `${up} --replace '**host-files' --replace '**host-key' --replace '**host-arrivals-key'`,
        ),
        healthy,
      ];
  }
}

function step(where: Step["where"], what: string, command: string): Step {
  return { where, what, command };
}

/** The plan as a person reads it. */
export function renderPlan(scenario: Scenario, steps: readonly Step[]): string {
  const places = { host: "on the host", here: "here", person: "by hand" } as const;
  const lines = steps.map(
    ({ what, where, command }, index) => `${index + 1}. ${what}\n   ${places[where]}: ${command}`,
  );
  return `${WHEN[scenario]}\n\n${lines.join("\n")}\n`;
}
