import type { HostFunction } from "./script";

/** What the host remembers of an upgrade (host.sh); `none`: nothing. */
export const PHASES = [
  ...["none", "closed", "saved", "opened", "done"],
  ...["back", "back-collect", "back-late", "back-import", "restored"],
] as const;
export type Phase = (typeof PHASES)[number];

/** One step. Each may be run again after it was cut. `up` is done here, the `canary` by the Worker, the others on the host. */
export interface UpgradeStep {
  readonly what: string;
  readonly run: HostFunction | "up" | "canary";
}

/**
 * What is still to be done, in order. Pure.
 *
 * @param wanted `0.16.19`
 */
export function upgradePlan(wanted: string, phase: Phase = "none"): readonly UpgradeStep[] {
  const steps: readonly UpgradeStep[] = [
    {
      run: "guard",
      what: `See that Stalwart ${wanted} can take over the data, that all is healthy, and that backups go well.`,
    },
    { run: "begin", what: "Let nobody in: mail waits in the Worker's spool, mail programs wait too." },
    { run: "save", what: "Export the mail and make a snapshot; keep the files of the version that runs." },
    { run: "up", what: `Install Stalwart ${wanted}.` },
    { run: "try_out", what: "Bring a message in with the Worker's key, and read it back. When this fails, go back." },
    { run: "open", what: "Let everybody in; what has waited comes home." },
    { run: "canary", what: "Send a message through the Worker, the tunnel and Traefik into the mailbox." },
    { run: "finish", what: "Remember how to go back." },
  ];
  const first = { closed: "begin", saved: "up", opened: "open" } as const;
  const from = phase in first ? first[phase as keyof typeof first] : "guard";
  return steps.slice(steps.findIndex(({ run }) => run === from));
}

/** The way back to the version before, with the data of before. What is done already is passed over on the host. Pure. */
export function backPlan(withNewMail: boolean): readonly UpgradeStep[] {
  return [
    { run: "turn_back", what: "Let nobody in." },
    withNewMail
      ? { run: "collect", what: "Export what came since everybody was let in, if anybody was." }
      : { run: "leave_new_mail", what: "Leave what came since in the data that are put aside." },
    {
      run: "bring_back",
      what: "Put the newer data aside; bring back the former version, and its data from the snapshot.",
    },
    { run: "import_new_mail", what: "Bring in what came since." },
    { run: "open_again", what: "Let everybody in; what has waited comes home." },
    { run: "canary", what: "Send a message through the Worker, the tunnel and Traefik into the mailbox." },
    { run: "forget", what: "Forget the upgrade." },
  ];
}

/** What a failure of a forward step leads to: everything is as it was, back to the snapshot, or a person's decision. */
export function afterFailure(run: UpgradeStep["run"]): "stop" | "give up" | "back" | "ask" {
  if (run === "guard") return "stop";
  if (run === "begin" || run === "save") return "give up";
  if (run === "up" || run === "try_out") return "back";
  return "ask";
}
