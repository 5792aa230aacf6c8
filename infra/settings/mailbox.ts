/** The one grammar of addresses, for settings, commands and the Worker. Imports nothing, because the Worker bundles it. */

/** Octets of a local part (RFC 5321 §4.5.3.1.1). */
export const MAX_LOCAL_PART = 64;
/** Octets of an address: a path of 256 (RFC 5321 §4.5.3.1.3) without its angle brackets. */
export const MAX_ADDRESS = 254;

/** Dot-string of RFC 5321 §4.1.2 with the atext of RFC 5322 §3.2.3, in lower case. */
const DOT_STRING = /^[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/;

/** A local part that an account or alias of a deployment can have. Quoted strings and EAI (RFC 6531) are not among them. */
export function isLocalPart(text: string): boolean {
  return text.length <= MAX_LOCAL_PART && DOT_STRING.test(text);
}

/** The address in lower case, when `domain`, itself in lower case, can have it; otherwise undefined. */
export function ownAddress(asked: string, domain: string): string | undefined {
  const address = asciiLowerCase(asked);
  const isOwn = address.length <= MAX_ADDRESS && domainOf(address) === domain && isLocalPart(localPartOf(address));
  return isOwn ? address : undefined;
}

/** The text before the last `@`, because a quoted local part may contain others. Empty without an `@`. */
export function localPartOf(address: string): string {
  return address.slice(0, Math.max(address.lastIndexOf("@"), 0));
}

/** The text after the last `@`, or the whole text without one. */
export function domainOf(address: string): string {
  return address.slice(address.lastIndexOf("@") + 1);
}

/** Changes ASCII only: other letters can turn into ASCII ones, as the Kelvin sign turns into `k`. */
export function asciiLowerCase(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
