/**
 * Text from outside for a terminal: what would move the cursor, change the clipboard or turn the writing direction is shown
 * as JSON writes it (`\u001b`), so that JSON stays the same value. Line breaks stay.
 */
export function printable(text: string): string {
  return text.replace(UNSAFE, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

const UNSAFE =
  // eslint-disable-next-line no-control-regex
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

export interface Writer {
  readonly write: (text: string) => unknown;
}

/** The same place, for text that holds what servers and files say. */
export function plainly(to: Writer): Writer {
  return { write: (text) => to.write(printable(text)) };
}
