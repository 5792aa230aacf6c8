import type { Answer } from "dns-packet";

import type { MailRecord } from "../../../infra/dns/record";
import { tunnelHostname } from "../../../infra/dns/rdata";
import type { DnsRecord, RecordType } from "../context";

/** A record of an answer with its value as {@link DnsRecord} spells it. */
export function dnsRecord(answer: Answer): DnsRecord {
  const ttl = "ttl" in answer && typeof answer.ttl === "number" ? answer.ttl : 0;
  return { name: hostname(answer.name), type: answer.type as RecordType, ttl, value: valueOf(answer) };
}

function valueOf(answer: Answer): string {
  switch (answer.type) {
    case "A":
    case "AAAA":
      return answer.data;
    case "NS":
    case "CNAME":
      return hostname(answer.data);
    case "MX":
      return `${answer.data.preference ?? 0} ${hostname(answer.data.exchange)}`;
    case "TXT":
      return [answer.data].flat().map(String).join("");
    case "SRV":
      return `${answer.data.priority ?? 0} ${answer.data.weight ?? 0} ${answer.data.port} ${hostname(answer.data.target) || "."}`;
    case "CAA":
      return `${answer.data.flags ?? 0} ${answer.data.tag} ${answer.data.value}`;
    case "DS":
      return `${answer.data.keyTag} ${answer.data.algorithm} ${answer.data.digestType} ${answer.data.digest.toString("hex")}`;
    case "DNSKEY":
      return `${answer.data.flags} 3 ${answer.data.algorithm} ${answer.data.key.toString("base64")}`;
    case "SOA":
      return `${hostname(answer.data.mname)} ${hostname(answer.data.rname)} ${answer.data.serial ?? 0}`;
    default:
      return "";
  }
}

/** The value that a server of the zone has for a record, in the same spelling. */
export function expectedValue({ data }: MailRecord, tunnelId = "tunnel-id"): string {
  switch (data.type) {
    case "MX":
      return `${data.priority} ${data.target}`;
    case "TXT":
      return data.text;
    case "CNAME":
      return typeof data.target === "string" ? data.target : tunnelHostname(tunnelId);
    case "A":
      return "";
    case "AAAA":
      return data.address;
    case "SRV":
      return `${data.priority} ${data.weight} ${data.port} ${data.target}`;
    case "CAA":
      return `${data.flags} ${data.tag} ${data.value}`;
  }
}

function hostname(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}
