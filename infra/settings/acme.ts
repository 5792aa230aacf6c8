import { domainFault } from "./domain";
import { bad, type Checked, good } from "./fault";
import { Secret } from "./secret";
import { parseApiKey } from "./values";

/** Checks a Cloudflare token that was made by hand; an empty value is allowed. */
export function parseAcmeDnsToken(text: string): Checked<Secret> {
  if (text.trim() === "") return good(new Secret(""));
  return parseApiKey(text);
}

/** Checks the zone that is used only for challenges: a token for it must not be able to change the mail domain. */
export function parseAcmeZone(text: string, domain: string | undefined): Checked<string> {
  if (text === "") return good(text);
  const fault = domainFault(text);
  if (fault !== undefined) return bad(fault);
  const isOwn = domain !== undefined && (text === domain || text.endsWith(`.${domain}`) || domain.endsWith(`.${text}`));
  if (!isOwn) return good(text);
  return bad({
    rule: "is the mail domain, or above or below it",
    consequence: "The token on the host could then write records of the mail domain itself.",
  });
}
