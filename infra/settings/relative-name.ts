import { parse } from "tldts";

/**
 * A record's name relative to the mail domain, whatever it was relative to: a final dot or the mail domain at its end make
 * it absolute; otherwise it may be relative to the registered domain or to a name between the two, as Resend's API has it
 * (for `mail.example.co.uk` it says `send.mail`). Empty for the mail domain itself.
 *
 * @param name in any case
 * @param domain the mail domain
 */
export function relativeToDomain(name: string, domain: string): string {
  const text = name.trim().toLowerCase().replace(/\.+$/, "");
  if (text === "" || text === "@" || text === domain) return "";
  const suffixes = [domain, ...ownLabels(domain)];
  const suffix = suffixes.find((each) => text.endsWith(`.${each}`));
  return suffix === undefined ? text : text.slice(0, -suffix.length - 1);
}

/** What a mail domain has in front of its registered domain and of each name above itself, the longest first. */
function ownLabels(domain: string): readonly string[] {
  const { subdomain } = parse(domain, { allowPrivateDomains: false });
  const labels = subdomain ? subdomain.split(".") : [];
  return labels.map((_, index) => labels.slice(0, labels.length - index).join("."));
}
