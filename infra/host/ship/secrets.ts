import type { Settings } from "../../settings/settings";
import type { EdgeSecrets } from "../file";

/** Shorter texts would blot out ordinary words of an error. */
const SHORTEST = 8;

/** The secrets that the host's files hold, for hiding them in errors. Keys come line by line, without their armour. */
export function textsToHide({ stalwart, resend, dkim, backup }: Settings, edge: EdgeSecrets): readonly string[] {
  const keys = [dkim.rsa, dkim.ed25519].map(({ privateKey }) => privateKey.reveal());
  const others = [stalwart.adminPassword, stalwart.accountPassword, resend.apiKey].map((secret) => secret.reveal());
  const ofEdge = [edge.tunnelToken, edge.acmeDnsToken, edge.tailnetKey ?? "", edge.backupKey?.secretAccessKey ?? ""];
  return [...others, ...ofBackup(backup), ...ofEdge, ...keys.flatMap((key) => key.split("\n"))].filter(
    (text) => text.length >= SHORTEST && !text.startsWith("-----"),
  );
}

/** Of an environment the values. */
function ofBackup(backup: Settings["backup"]): readonly string[] {
  if (backup === undefined) return [];
  const { password, alertUrl, heartbeatUrl, target } = backup;
  const texts = [password, alertUrl, heartbeatUrl].map((secret) => secret.reveal());
  if (target.kind === "s3") return texts;
  const values = target.environment
    .reveal()
    .split("\n")
    .map((line) => line.slice(line.indexOf("=") + 1));
  return [...texts, target.url.reveal(), ...values];
}
