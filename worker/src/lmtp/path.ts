/** RFC 5321 §4.5.3.1: 64 of the local part, 255 of the domain, and some room for servers that take more. */
const MAX_PATH_BYTES = 700;

/** Atoms with dots, generously: what matters is that nothing can end the path or begin another parameter. */
const DOT_STRING = /^[^\s"\\<>()[\],;:@\p{Cc}]+$/u;
const QUOTED_STRING = /^"(?:[^"\\\p{Cc}]|\\[ -~])*"$/u;
const DOMAIN = /^(?:[^\s"\\<>()[\],;:@\p{Cc}]+|\[[\w.:]+\])$/u;

/** True when the address can be written into MAIL or RCPT as it is. */
export function isMailbox(address: string): boolean {
  const at = address.lastIndexOf("@");
  const localPart = address.slice(0, at);
  if (at <= 0 || new TextEncoder().encode(address).byteLength > MAX_PATH_BYTES) return false;
  return (DOT_STRING.test(localPart) || QUOTED_STRING.test(localPart)) && DOMAIN.test(address.slice(at + 1));
}

/** RFC 6531 §3.3: such an address needs SMTPUTF8. */
export function isInternational(address: string): boolean {
  return /[^\0-\x7f]/.test(address);
}
