/**
 * A word that bash reads back as exactly this text (POSIX.1-2017 XCU 2.2.2): nothing has a meaning between single quotes,
 * and a single quote itself stands outside of them. Throws for NUL, which no shell can hold.
 */
export function quoted(text: string): string {
  if (text.includes("\0")) throw new Error("A text with a NUL byte cannot be handed to a shell.");
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** As `quoted`, and plain where it may be: for commands that a person reads. `~/` at the start stays the home folder. */
export function shellWord(text: string): string {
  return /^(~\/)?[\w.,:@%+/-]+$/.test(text) && !text.startsWith("-") ? text : quoted(text);
}
