/**
 * A mailto URI for DMARC, TLSRPT and CAA. Every character that could end or split the URI there is percent-encoded
 * (RFC 6068 section 2; RFC 9989 forbids a bare comma, semicolon or exclamation mark).
 */
export function mailto(address: string): string {
  return `mailto:${address.replace(/[^A-Za-z0-9@._~+-]/g, percent)}`;
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
}
