import type { PlanLine } from "../../../onhost/src/plan-line";
import type { FurtherSettings, Settings } from "../../settings/settings";
import { addresses } from "../layout";
import { accountLines, primaryLine } from "./plan-accounts";
import { networkLines } from "./plan-network";
import { domainLines, mailLines } from "./plan-mail";

/**
 * What Stalwart shall be, for `stalwart-cli apply`. It holds the DKIM private keys. Nothing in it touches `credentials`:
 * a list is replaced as a whole, and the API keys are in it.
 *
 * Nested values are always complete. Stalwart merges an object into the stored one, so a default that is not named
 * (the retry with `invalid-tls`) would stay.
 */
export function stalwartPlan(settings: Settings): readonly PlanLine[] {
  return [
    ...domainLines(settings),
    ...mailLines(settings),
    ...networkLines(settings, addresses(settings.host.subnet)),
    ...accountLines(settings),
  ];
}

/** What Stalwart shall be of a further domain. It names nothing of the host's or of another domain. */
export function domainPlan(settings: FurtherSettings): readonly PlanLine[] {
  return [...domainLines(settings), primaryLine(settings)];
}

/**
 * A second file, because an error in any line of a plan skips every clean-up of its reconciles. Stalwart stores settings
 * at once and follows them after this.
 */
export function reloadPlan(): readonly PlanLine[] {
  return [{ "@type": "create", object: "Action", value: { reload: { "@type": "ReloadSettings" } } }];
}
