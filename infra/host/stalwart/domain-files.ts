import { filesOf, type FurtherDomain } from "../../../onhost/src/deployment";
import { renderPlan } from "../../../onhost/src/plan-line";
import type { FurtherSettings } from "../../settings/settings";
import type { HostFile } from "../file";
import { domainPlan } from "./plan";

/** Files of a further domain, beside those of the host: its plan, and what the program on the host needs. */
export function domainFiles(settings: FurtherSettings): readonly HostFile[] {
  const { domain, primaryAddress, stalwart } = settings;
  const files = filesOf(domain);
  const names: FurtherDomain = { domain, primary: primaryAddress };
  return [
    {
      path: files.plan,
      content: renderPlan(domainPlan(settings)),
      mode: "0600",
      why: "What Stalwart shall be of a further domain; holds its DKIM private keys.",
      restarts: [],
    },
    {
      path: files.deployment,
      content: `${JSON.stringify(names, undefined, 2)}\n`,
      mode: "0644",
      why: "Names of a further domain that the onhost program works with.",
      restarts: [],
    },
    {
      path: files.accountPassword,
      content: stalwart.accountPassword.reveal(),
      mode: "0600",
      why: "The first password of a further domain's primary account, for onhost.",
      restarts: [],
    },
  ];
}
