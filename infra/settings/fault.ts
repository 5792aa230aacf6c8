/** What is wrong with one value, seen from the rule; `problem.ts` turns it into what a person reads. */
export interface Fault {
  /** Predicate after the key's name ("is a URL, not a domain name"). Holds nothing of the value: it may be a secret. */
  readonly rule: string;
  /** What else helps; may quote the value, so it is left out when the value is stored as a secret. */
  readonly detail?: string;
  /** A whole sentence, where it is not obvious why the value matters. Holds nothing of the value. */
  readonly consequence?: string;
  /** Replaces the key's own sentence about what is allowed. */
  readonly allowed?: string;
  /** A value that would pass, for the command. */
  readonly mend?: string;
  /** The list item at fault: its place, its text, and the field for items that are objects. */
  readonly item?: { readonly index: number; readonly text: string; readonly field?: string };
  /** The item, or without one the value, is one too many: the command removes it instead of setting it. */
  readonly remove?: true;
}

export type Checked<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly faults: readonly Fault[] };

export function good<T>(value: T): Checked<T> {
  return { ok: true, value };
}

export function bad(...faults: readonly Fault[]): { readonly ok: false; readonly faults: readonly Fault[] } {
  return { ok: false, faults };
}

/** Cuts and escapes a text that a user wrote, so that a message stays one line and a terminal stays sane. */
export function quote(text: string): string {
  const points = Array.from(text.slice(0, 2 * SHOWN_CHARACTERS));
  const shown = points.slice(0, SHOWN_CHARACTERS).join("");
  const escaped = shown.replace(/[\p{C}\p{Zl}\p{Zp}"\\]/gu, escapeCharacter);
  return shown.length < text.length
    ? `"${escaped}" (the first ${SHOWN_CHARACTERS} of ${text.length} characters)`
    : `"${escaped}"`;
}

/** Enough for any name that is meant seriously, and one line in a terminal. */
const SHOWN_CHARACTERS = 80;

function escapeCharacter(character: string): string {
  if (character === '"' || character === "\\") return `\\${character}`;
  if (character === "\n") return "\\n";
  if (character === "\t") return "\\t";
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

/** True for white space, C0/C1 controls, bidi and other invisible characters: none belongs into a name or a token. */
export function hasInvisible(text: string): boolean {
  return /[\s\p{C}\p{Z}]/u.test(text);
}

/** True when every character is ASCII. */
export function isAscii(text: string): boolean {
  return !/[^\p{ASCII}]/u.test(text);
}
