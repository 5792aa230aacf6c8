/** `name=value` pairs separated by `;`, as DMARC, DKIM, MTA-STS and TLSRPT records have them; undefined: it is no such list. */
export function tagsOf(text: string): ReadonlyMap<string, string> | undefined {
  const parts = text.split(";").map((part) => part.trim());
  if (parts.at(-1) === "") parts.pop();
  const tags = new Map<string, string>();
  for (const part of parts) {
    const at = part.indexOf("=");
    const name = part.slice(0, Math.max(at, 0)).trim();
    if (!/^[A-Za-z][A-Za-z0-9_]*$/.test(name) || tags.has(name)) return undefined;
    tags.set(name, part.slice(at + 1).trim());
  }
  return tags.size === 0 ? undefined : tags;
}
