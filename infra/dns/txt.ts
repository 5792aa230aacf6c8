/** RFC 1035 section 3.3: a character-string holds at most 255 bytes. */
const CHARACTER_STRING_BYTES = 255;

/**
 * A TXT value as Cloudflare stores and returns it: quoted character-strings (RFC 1035 section 5.1), each cut at exactly
 * 255 bytes. Any other cut comes back changed from the API and shows as a difference on every refresh.
 */
export function quoteTxt(text: string): string {
  const foreign = /[^\x20-\x7e]/u.exec(text);
  if (foreign) {
    throw new Error(
      `TXT value has the character U+${codePoint(foreign[0])} at position ${foreign.index}. ` +
        "A record of this deployment is printable ASCII, so that every reader sees the same bytes. " +
        "Remove the character where the value comes from (for Resend's records: npm run resend).",
    );
  }
  const strings = text.match(new RegExp(`.{1,${CHARACTER_STRING_BYTES}}`, "g")) ?? [""];
  return strings.map((string) => `"${string.replace(/["\\]/g, "\\$&")}"`).join(" ");
}

/** The text of a quoted TXT value: all character-strings joined without a space (RFC 7208 section 3.3). */
export function unquoteTxt(content: string): string {
  if (!/^"(?:[^"\\]|\\.)*"(?: +"(?:[^"\\]|\\.)*")*$/.test(content)) {
    throw new Error(
      `TXT content ${JSON.stringify(content)} is not a list of quoted strings. ` +
        'Its text cannot be read. Write it as "..." "...", strings separated by a space.',
    );
  }
  return [...content.matchAll(/"((?:[^"\\]|\\.)*)"/g)]
    .map(([, string = ""]) => string.replace(/\\(\d{3}|.)/g, (_, escaped: string) => unescape(escaped)))
    .join("");
}

/** `\DDD` is a byte in decimal, `\X` the character itself. */
function unescape(escaped: string): string {
  return escaped.length === 3 ? String.fromCharCode(Number(escaped)) : escaped;
}

function codePoint(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
}
