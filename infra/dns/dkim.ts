import type { DkimKey, DomainSettings } from "../settings/settings";
import type { Draft } from "./draft";

/** The public halves of the keys with which Stalwart signs. */
export function dkimRecords({ domain, dkim }: DomainSettings): Draft[] {
  return [
    key(
      domain,
      "rsa",
      dkim.rsa,
      "Receivers verify Stalwart's RSA signature with this key; without it DMARC rests on the relay alone (RFC 6376).",
    ),
    key(
      domain,
      "ed25519",
      dkim.ed25519,
      "Receivers verify Stalwart's Ed25519 signature with this key; the RSA key serves those that cannot (RFC 8463).",
    ),
    ...dkim.published.map(({ algorithm, ...published }) =>
      key(
        domain,
        algorithm,
        published,
        "Another DKIM key: it will sign soon and is known by then, or mail that it signed is still under way (docs/operate.md).",
        "recommended",
      ),
    ),
  ];
}

/**
 * True for a record whose loss makes mail fail that is being signed, whoever signs it. A key that does not sign, or no more,
 * may go: protected, its record could not be withdrawn at the end of a rotation.
 */
export function isDkim({ name, level }: Pick<Draft, "name" | "level">): boolean {
  return name.includes("._domainkey.") && level === "required";
}

function key(
  domain: string,
  algorithm: "rsa" | "ed25519",
  { selector, publicKey }: Pick<DkimKey, "selector" | "publicKey">,
  why: string,
  level: Draft["level"] = "required",
): Draft {
  return {
    name: `${selector}._domainkey.${domain}`,
    data: { type: "TXT", text: `v=DKIM1; k=${algorithm}; p=${publicKey}` },
    level,
    why,
  };
}
