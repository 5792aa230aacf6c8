import type { Settings } from "../../settings/settings";
import type { EdgeSecrets } from "../file";

/** Shorter texts would blot out ordinary words of an error. */
const SHORTEST = 8;

/** The secrets that the host's files hold, for hiding them in errors. Keys come line by line, without their armour. */
export function textsToHide({ stalwart, resend, dkim }: Settings, edge: EdgeSecrets): readonly string[] {
  const keys = [dkim.rsa, dkim.ed25519].map(({ privateKey }) => privateKey.reveal());
  const others = [stalwart.adminPassword, stalwart.accountPassword, resend.apiKey].map((secret) => secret.reveal());
  return [
    ...others,
    edge.tunnelToken,
    edge.acmeDnsToken,
    edge.tailnetKey ?? "",
    ...keys.flatMap((key) => key.split("\n")),
  ].filter((text) => text.length >= SHORTEST && !text.startsWith("-----"));
}
