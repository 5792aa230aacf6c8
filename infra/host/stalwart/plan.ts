import type { PlanLine } from "../../../onhost/src/plan-line";
import type { Settings } from "../../settings/settings";
import { addresses } from "../layout";
import { accountLines } from "./plan-accounts";
import { networkLines } from "./plan-network";
import { mailLines } from "./plan-mail";

/**
 * What Stalwart shall be, for `stalwart-cli apply`. It holds the DKIM private keys. Nothing in it touches `credentials`:
 * a list is replaced as a whole, and the API keys are in it.
 *
 * Nested values are always complete. Stalwart merges an object into the stored one, so a default that is not named
 * (the retry with `invalid-tls`) would stay.
 */
export function stalwartPlan(settings: Settings): readonly PlanLine[] {
  return [
    ...mailLines(settings),
    ...networkLines(settings, addresses(settings.host.subnet)),
    ...accountLines(settings),
  ];
}

/**
 * A second file, because an error in any line of a plan skips every clean-up of its reconciles. Stalwart stores settings
 * at once and follows them after this.
 */
export function reloadPlan(): readonly PlanLine[] {
  return [{ "@type": "create", object: "Action", value: { reload: { "@type": "ReloadSettings" } } }];
}
