import { asciiLowerCase, domainOf, localPartOf } from "../../infra/settings/mailbox";

/**
 * Addresses to look for at home, in order: the recipient, the recipient without its `+tag`, the catch-all. Undefined when
 * the recipient is not of `domain`. Lower case throughout, because Stalwart's lookup is case-sensitive.
 */
export function candidates(
  recipient: string,
  domain: string,
  catchAll: string | undefined,
): readonly string[] | undefined {
  const address = asciiLowerCase(recipient.trim());
  const localPart = localPartOf(address);
  if (localPart === "" || domainOf(address) !== domain.toLowerCase()) return undefined;
  const all = [address];
  const untagged = withoutTag(localPart);
  if (untagged !== undefined) all.push(`${untagged}@${domain.toLowerCase()}`);
  if (catchAll !== undefined) all.push(catchAll.toLowerCase());
  return [...new Set(all)];
}

/** RFC 5233: the detail starts at the first separator. A `+` inside a quoted local part is an ordinary character. */
function withoutTag(localPart: string): string | undefined {
  const plus = localPart.indexOf("+");
  return plus > 0 && !localPart.startsWith('"') ? localPart.slice(0, plus) : undefined;
}
