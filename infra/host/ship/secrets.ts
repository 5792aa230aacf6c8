import type { DomainSettings, Settings } from "../../settings/settings";
import type { EdgeSecrets } from "../file";

/** Shorter texts would blot out ordinary words of an error. */
const SHORTEST = 8;

/** The secrets that the host's files hold, for hiding them in errors. Keys come line by line, without their armour. */
export function textsToHide({ stalwart, resend, dkim, backup }: Settings, edge: EdgeSecrets): readonly string[] {
  const others = [stalwart.adminPassword, stalwart.accountPassword, resend.apiKey].map((secret) => secret.reveal());
  const ofEdge = [edge.tunnelToken, edge.acmeDnsToken, edge.tailnetKey ?? "", edge.backupKey?.secretAccessKey ?? ""];
  return longEnough([...others, ...ofBackup(backup), ...ofEdge, ...keyLines(dkim)]);
}

/** The same of a further domain's files. */
export function domainSecrets({ stalwart, dkim }: DomainSettings): readonly string[] {
  return longEnough([stalwart.accountPassword.reveal(), ...keyLines(dkim)]);
}

function keyLines({ rsa, ed25519 }: DomainSettings["dkim"]): readonly string[] {
  return [rsa, ed25519].flatMap(({ privateKey }) => privateKey.reveal().split("\n"));
}

function longEnough(texts: readonly string[]): readonly string[] {
  return texts.filter((text) => text.length >= SHORTEST && !text.startsWith("-----"));
}

/** Of an environment the values. */
function ofBackup(backup: Settings["backup"]): readonly string[] {
  if (backup === undefined) return [];
  const { password, previousPassword, alertUrl, heartbeatUrl, target } = backup;
  const texts = [password, previousPassword, alertUrl, heartbeatUrl].map((secret) => secret?.reveal() ?? "");
  if (target.kind === "s3") return texts;
  const values = target.environment
    .reveal()
    .split("\n")
    .map((line) => line.slice(line.indexOf("=") + 1));
  return [...texts, target.url.reveal(), ...values, ...(target.sftp?.privateKey.reveal().split("\n") ?? [])];
}
