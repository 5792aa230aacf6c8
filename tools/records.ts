import { mailRecords } from "../infra/dns/records";
import { renderRecordsTable } from "../infra/dns/records-table";
import type { ResendRecord, Settings } from "../infra/settings/settings";
import { publicSettings } from "../ops/public-settings";

/** What Resend asks for, for a region in Europe. */
const RESEND_RECORDS: readonly ResendRecord[] = [
  { record: "SPF", type: "MX", name: "send", value: "feedback-smtp.eu-west-1.amazonses.com", priority: 10 },
  { record: "SPF", type: "TXT", name: "send", value: "v=spf1 include:amazonses.com ~all" },
  { record: "DKIM", type: "TXT", name: "resend._domainkey", value: "p=<public key>" },
];

/** The table of records in docs/reference.md. */
export function renderRecordsReference(): string {
  return `\n${renderRecordsTable(mailRecords(documentedSettings()))}\n`;
}

/** The documented domain, public keys left out, so that what is made of it stays the same. */
export function documentedSettings(): Settings {
  const settings = publicSettings("prod");
  const { rsa, ed25519 } = settings.dkim;
  return {
    ...settings,
    dkim: {
      rsa: { ...rsa, publicKey: "<public key>" },
      ed25519: { ...ed25519, publicKey: "<public key>" },
      published: [],
    },
    routing: { ...settings.routing, dkim: "v=DKIM1; h=sha256; k=rsa; p=<public key>" },
    resend: { ...settings.resend, records: RESEND_RECORDS },
  };
}
