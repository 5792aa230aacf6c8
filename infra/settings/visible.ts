/**
 * Characters that steer a terminal or that nobody sees: controls (C0, DEL, C1), bidirectional and other format characters,
 * line and paragraph separators, lone surrogates, private and unassigned ones, and all that Unicode draws as nothing.
 * Line feeds and tabs are left out.
 */
const HIDDEN = /(?![\n\t])[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/** Characters that move to another line or column. */
const BREAKS = /[\t\n\v\f\r\u0085\u2028\u2029]+/g;

/** Longer than any genuine name, address or record. */
export const MAX_LINE_CHARACTERS = 1_000;

/**
 * Text that a terminal only shows: hidden characters become `\uXXXX`. That is JSON's own escape, so JSON stays JSON with the
 * same values. A CRLF becomes a line feed.
 */
export function visible(text: string): string {
  return text.replaceAll("\r\n", "\n").replace(HIDDEN, escaped);
}

/** A foreign value inside a line of ours: visible, without line breaks, and cut after `most` characters. */
export function oneLine(text: string, most = MAX_LINE_CHARACTERS): string {
  // Cut before and after, because an escape takes six characters and the text may be a gigabyte long.
  const shown = visible(text.slice(0, most + 1).replace(BREAKS, " "));
  if (text.length <= most && shown.length <= most) return shown;
  return `${shown.slice(0, Math.max(0, most - 1)).replace(/[\ud800-\udbff]$/, "")}…`;
}

function escaped(character: string): string {
  return Array.from(
    { length: character.length },
    (_, unit) => `\\u${character.charCodeAt(unit).toString(16).padStart(4, "0")}`,
  ).join("");
}
