import { nameFault } from "./domain";
import { bad, type Checked, type Fault, good, quote } from "./fault";

/** Labels below the domain at which the program itself declares records. */
export const OWN_LABELS: ReadonlyMap<string, string> = new Map([
  ["mta-sts", "the MTA-STS policy host (RFC 8461)"],
  ["autoconfig", "the client configuration name autoconfig"],
  ["autodiscover", "the client configuration name autodiscover"],
  ["lmtp", "the way to Stalwart's LMTP listener"],
]);

export interface HostnameRules {
  readonly domain: string | undefined;
  /** Used when the text is empty. */
  readonly defaultLabel: string;
  /** Labels that are already used, each with what uses it. */
  readonly taken: ReadonlyMap<string, string>;
}

/**
 * Checks a proxied host name: exactly one label below the mail domain, because Cloudflare's universal certificate covers
 * `*.domain` and a wildcard stands for one label (RFC 6125 §6.4.3), and not one that another record already uses.
 */
export function parseHostname(text: string, rules: HostnameRules): Checked<string> {
  const { domain } = rules;
  const name = text === "" && domain !== undefined ? `${rules.defaultLabel}.${domain}` : text;
  const fault = name === "" ? undefined : (nameFault(name) ?? placeFault(name, rules));
  return fault === undefined ? good(name) : bad(fault);
}

function placeFault(name: string, { domain, taken }: HostnameRules): Fault | undefined {
  if (domain === undefined) return undefined;
  if (name === domain) {
    return {
      rule: "is the mail domain itself",
      consequence: "The proxied record would take the place of the domain's website and mail records.",
    };
  }
  if (!name.endsWith(`.${domain}`)) {
    const mend = `${name}.${domain}`;
    if (name.includes(".") || nameFault(mend) !== undefined)
      return { rule: "is not below the mail domain", detail: `the mail domain is ${quote(domain)}` };
    return { rule: "is not a complete name", detail: `below the mail domain it is ${quote(mend)}`, mend };
  }
  const label = name.slice(0, -domain.length - 1);
  if (label.includes(".")) {
    return {
      rule: "is more than one label below the mail domain",
      consequence: "Cloudflare's universal certificate covers one level only, so TLS to it would fail.",
    };
  }
  const user = taken.get(label);
  return user === undefined ? undefined : { rule: `is already the name of ${user}` };
}
