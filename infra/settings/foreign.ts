import { getDomain } from "tldts";
import { quote } from "./fault";
import { type KeyName, PROJECT } from "./keys";
import type { RawConfig } from "./raw";

/** A value that is legal but belongs to another domain, as in a stack file that was copied from somebody else's. */
export interface Foreign {
  readonly key: KeyName;
  readonly seen: string;
  /** What happens with the value, and when that is right. */
  readonly consequence: string;
}

/**
 * Values that do not belong to the stack's own domain but are not mistakes in themselves. Values that must belong to it
 * (addresses of accounts, host names) are problems, which the parser reports.
 *
 * @param ownZones further zones that are known to be in the same hands
 */
export function foreignValues(raw: RawConfig, ownZones: readonly string[] = []): readonly Foreign[] {
  const domain = textOf(raw, "domain");
  if (domain === "") return [];
  const own = new Set([domain, ...ownZones].map(organisationOf));
  const isForeign = (address: string) => address.includes("@") && !own.has(organisationOf(hostOf(address)));
  return [...foreignReports(raw, domain, isForeign), ...foreignPeople(raw, isForeign), ...foreignBucket(raw, domain)];
}

/** One line for a terminal or Pulumi's log. */
export function renderForeign({ key, seen, consequence }: Foreign): string {
  return `${PROJECT}:${key} is ${seen}. ${consequence}`;
}

function foreignReports(raw: RawConfig, domain: string, isForeign: (address: string) => boolean): Foreign[] {
  const found: Foreign[] = [];
  for (const key of ["dmarcAggregateAddress", "dmarcFailureAddress", "tlsReportAddress"] as const) {
    const address = textOf(raw, key);
    if (!isForeign(address)) continue;
    const who = `Reports about ${domain} go to ${quote(hostOf(address))}, another domain`;
    // RFC 9990, "Verifying External Destinations" (formerly RFC 7489 section 7.1); TLS reports need no consent (RFC 8460).
    const consent =
      key === "tlsReportAddress"
        ? "right only if that mailbox is yours or a service of your choice"
        : `sent only if that domain publishes TXT "v=DMARC1" at ${domain}._report._dmarc.${hostOf(address)}`;
    found.push({ key, seen: quote(address), consequence: `${who}: ${consent}.` });
  }
  return found;
}

function foreignPeople(raw: RawConfig, isForeign: (address: string) => boolean): Foreign[] {
  const people = listOf(raw, "clientPeople").filter(isForeign);
  if (people.length === 0) return [];
  const consequence = "Access lets them in to IMAP and submission: right only if you know whose addresses they are.";
  return [{ key: "clientPeople", seen: people.map((person) => quote(person)).join(", "), consequence }];
}

/** Bucket names are global (S3, "General purpose bucket naming rules"), so a copied name is somebody else's bucket. */
function foreignBucket(raw: RawConfig, domain: string): Foreign[] {
  const bucket = textOf(raw, "backupBucket");
  if (bucket === "" || textOf(raw, "backup") !== "s3") return [];
  const [label = domain] = organisationOf(domain).split(".");
  if (bucket.includes(label)) return [];
  const consequence = `The name has nothing of ${domain} in it, and bucket names are global: right only if the bucket is yours.`;
  return [{ key: "backupBucket", seen: quote(bucket), consequence }];
}

function organisationOf(name: string): string {
  return getDomain(name, { allowPrivateDomains: true }) ?? name;
}

function hostOf(address: string): string {
  return address.slice(address.lastIndexOf("@") + 1);
}

/** In lower case, because the parser reports upper case; empty for an encrypted value. */
function textOf(raw: RawConfig, key: KeyName): string {
  const value = raw.get(key);
  return value === undefined || value.secret ? "" : (value.text ?? "").trim().toLowerCase();
}

/** The texts of a list, which the configuration holds as JSON; none when it is not a list. */
function listOf(raw: RawConfig, key: KeyName): readonly string[] {
  try {
    const value: unknown = JSON.parse(textOf(raw, key));
    return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
  } catch {
    return [];
  }
}
