import type { ResendRecord, DomainSettings } from "../settings/settings";
import type { Draft } from "./draft";
import type { RecordData } from "./record";

/** Resend's own value, should its answer leave the priority out. */
const DEFAULT_MX_PRIORITY = 10;

/** The relay's return path and DKIM, as Resend asked for them: TXT, MX or CNAME, never guessed. */
export function resendRecords({ domain, resend }: DomainSettings): Draft[] {
  return resend.records.map((record) => ({
    name: fqdn(record.name, domain),
    data: dataOf(record),
    level: "required",
    why: whyOf(record),
  }));
}

function whyOf({ record, type }: ResendRecord): string {
  if (/dkim/i.test(record)) {
    return "Receivers verify the relay's signature for the domain with this key; without it Resend refuses to send (RFC 6376).";
  }
  if (type === "MX") {
    return "Bounces of relayed mail return to Resend through this exchanger; without it Resend refuses to send (RFC 5321 section 4.4).";
  }
  return "Lets the relay send with an envelope address below the domain, which aligns for DMARC; without it Resend refuses to send (RFC 7208).";
}

function dataOf({ type, value, priority = DEFAULT_MX_PRIORITY }: ResendRecord): RecordData {
  switch (type) {
    case "TXT":
      return { type, text: value };
    case "CNAME":
      return { type, target: hostname(value) };
    case "MX":
      return { type, priority, target: hostname(value) };
  }
}

function fqdn(name: string, domain: string): string {
  return name === "" || name === "@" ? domain : `${name.toLowerCase()}.${domain}`;
}

function hostname(value: string): string {
  return value.toLowerCase().replace(/\.$/, "");
}
