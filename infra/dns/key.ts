import { createHash } from "node:crypto";
import { presentation } from "./rdata";
import type { RecordData } from "./record";

const HASH_DIGITS = 8;

/**
 * A record's identity: type and name, and a hash of the value where the DNS allows several records of the type at the
 * name. It is a function of this record alone, so no other record can rename it.
 *
 * @param relativeName Name below the zone of the domain; `@` for the zone itself.
 */
export function recordKey(relativeName: string, data: RecordData): string {
  const parts = [data.type.toLowerCase(), relativeName];
  if (mayRepeat(data)) parts.push(hash(presentation(data)));
  return parts.join("-");
}

/**
 * CNAME is alone at its name (RFC 1034 section 3.6.2). Of TXT each name here has one: SPF (RFC 7208 section 3.2), DMARC
 * (RFC 9989), TLSRPT (RFC 8460 section 3) and DKIM (RFC 6376 section 3.6.2.2) are void when doubled, and the settings
 * refuse a second one from Resend. A changed key or policy is therefore an update in place.
 */
function mayRepeat({ type }: RecordData): boolean {
  return type === "MX" || type === "CAA";
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, HASH_DIGITS);
}
