/** Stalwart's parser takes a text for a message when it knows at least one of its header fields. */
const KNOWN_HEADERS = new Set([
  "bcc",
  "cc",
  "comments",
  "content-description",
  "content-disposition",
  "content-id",
  "content-transfer-encoding",
  "content-type",
  "date",
  "from",
  "in-reply-to",
  "keywords",
  "list-id",
  "list-unsubscribe",
  "message-id",
  "mime-version",
  "received",
  "references",
  "reply-to",
  "resent-date",
  "resent-from",
  "return-path",
  "sender",
  "subject",
  "to",
]);
const HEAD_BYTES = 256 * 1024;

export function hasKnownHeader(message: Buffer): boolean {
  return headerFields(message).some(([name]) => KNOWN_HEADERS.has(name));
}

/** The unfolded text of the first field of that name. */
export function headerText(message: Buffer, name: string): string | null {
  return headerFields(message).find(([field]) => field === name)?.[1] ?? null;
}

/** The unfolded texts of all fields of that name, from the top. */
export function headerTexts(message: Buffer, name: string): readonly string[] {
  return headerFields(message).flatMap(([field, text]) => (field === name ? [text] : []));
}

function headerFields(message: Buffer): readonly (readonly [name: string, text: string])[] {
  const [head = ""] = message
    .subarray(0, HEAD_BYTES)
    .toString("latin1")
    .split(/\r?\n\r?\n/, 1);
  const lines = head.replace(/\r?\n(?=[ \t])/g, "").split(/\r?\n/);
  return lines.flatMap((line) => {
    const field = /^([!-9;-~]+)[ \t]*:(.*)$/s.exec(line);
    return field ? [[(field[1] ?? "").toLowerCase(), (field[2] ?? "").trim()] as const] : [];
  });
}
