import { getDomain } from "tldts";
import { domainOf } from "../settings/mailbox";
import type { DomainSettings } from "../settings/settings";
import type { Draft } from "./draft";

/**
 * Consent of another organisation to receive the domain's DMARC reports, which its own zone must publish (RFC 9990,
 * "Verifying External Destinations"; formerly RFC 7489 section 7.1). TLS reports know no such consent (RFC 8460).
 */
export function reportAuthorisations({ domain, dmarc }: DomainSettings): Draft[] {
  const hosts = [dmarc.aggregateAddress, dmarc.failureAddress].flatMap((address) =>
    address === undefined ? [] : [domainOf(address)],
  );
  return [...new Set(hosts)]
    .filter((host) => organisationalDomain(host) !== organisationalDomain(domain))
    .map((host) => ({
      name: `${domain}._report._dmarc.${host}`,
      zone: organisationalDomain(host),
      data: { type: "TXT", text: "v=DMARC1" },
      level: "recommended",
      why:
        `The owner of ${organisationalDomain(host)} agrees to receive DMARC reports about ${domain}; ` +
        "without it receivers send none there (RFC 9990).",
    }));
}

/** Private suffixes count: two customers of one hosting domain are two organisations, and one record too many is harmless. */
export function organisationalDomain(host: string): string {
  return getDomain(host, { allowPrivateDomains: true }) ?? host;
}
