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
  ];
}

/** True for a record whose loss makes signed mail fail, whoever signs it. */
export function isDkim(record: { readonly name: string }): boolean {
  return record.name.includes("._domainkey.");
}

function key(domain: string, algorithm: "rsa" | "ed25519", { selector, publicKey }: DkimKey, why: string): Draft {
  return {
    name: `${selector}._domainkey.${domain}`,
    data: { type: "TXT", text: `v=DKIM1; k=${algorithm}; p=${publicKey}` },
    level: "required",
    why,
  };
}
