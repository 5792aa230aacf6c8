import type { MailRecord } from "./dns/record";
import type { DomainSettings, Settings } from "./settings/settings";

/** What the program cannot do itself, as sentences for the operator; empty when all is done that can be known here. */
export function nextSteps(
  settings: DomainSettings,
  records: readonly MailRecord[],
  zoneIds: Readonly<Record<string, string>>,
): string[] {
  const elsewhere = records.filter((record) => record.owner === "program" && zoneIds[record.zone] === undefined);
  return [
    "Enter the DS record (output dnssecDs) at the domain's registrar, unless the registrar is Cloudflare.",
    ...(settings.resend.records.length === 0
      ? [
          "mail:resendRecords is empty: Resend cannot sign for the domain, and receivers reject its mail under DMARC. " +
            `Copy records[] of the domain from Resend's API: pulumi config set --path 'mail:resendRecords[0].type' TXT, and so on.`,
        ]
      : []),
    ...elsewhere.map(
      (record) =>
        `${record.zone} is not a zone of this account: ask its owner to publish ${record.name} ${record.data.type} ` +
        `${record.data.type === "TXT" ? `"${record.data.text}"` : ""}.`,
    ),
    ...(settings.inbound === "off" ? ["mail:inbound is off: every message to the domain is dropped."] : []),
  ];
}

/** The same for the stack with the host. */
export function hostSteps({ adminAccess, clientTcp, domain, tailnet }: Settings): string[] {
  const isAtHome = clientTcp.people.every((address) => address.endsWith(`@${domain}`));
  if (adminAccess !== "access" || !isAtHome || tailnet !== undefined) return [];
  return [
    "Everybody in mail:clientPeople has mail on this server, and Access sends its codes by mail: while the server is down nobody " +
      `can log in to its web interface. Name another address too: pulumi config set --path 'mail:clientPeople[0]' ADDRESS`,
  ];
}
