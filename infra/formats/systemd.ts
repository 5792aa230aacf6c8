/**
 * Words of a command in a unit file (systemd.service(5), "Command lines"; systemd.syntax(7), "Quoting"): systemd starts
 * exactly these. Between double quotes a backslash escapes, and `%` (specifiers) and `$` (variables) are written twice.
 *
 * @throws Error for a control character, which no line of a unit may hold
 */
export function systemdWords(words: readonly string[]): string {
  return words.map(word).join(" ");
}

/** A text of one line, as a Description has it. @throws Error as above, and for a backslash at the end, which joins lines */
export function systemdText(text: string): string {
  if (text.endsWith("\\")) throw new Error("A line of a unit cannot end in a backslash.");
  return oneLine(text).replaceAll("%", "%%");
}

function word(text: string): string {
  const escaped = oneLine(text).replaceAll("%", "%%").replaceAll("$", "$$$$");
  // What is plain needs no quotes; a semicolon alone would begin a further command.
  return /^[\w.,:@%+=/-]+$/.test(escaped) ? escaped : `"${escaped.replace(/[\\"]/g, "\\$&")}"`;
}

function oneLine(text: string): string {
  if (/\p{Cc}/u.test(text)) throw new Error("A unit file cannot hold a control character.");
  return text;
}
