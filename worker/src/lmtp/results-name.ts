import { BACKSLASH, CLOSE, COLON, DELETE, EQUALS, isEncodedWord, lowerCase, OPEN, QUOTE, SPACE, TAB } from "./ascii";
import { type BareCr, endsField } from "./header-scan";

const NAME = new TextEncoder().encode("authentication-results");

export interface ResultsName {
  /** Where the name begins. There are at least as many bytes before the colon as the name has letters. */
  readonly start: number;
  readonly colon: number;
  /** Nothing but white space is between the name and the colon (RFC 5322 §4.5), and nothing in it or before it. */
  readonly isPlain: boolean;
}

/**
 * The name of the field that begins at `from`, if any reader may take it for `Authentication-Results`. Case, comments, quotes,
 * white space and control characters are ignored. A byte outside ASCII or an encoded word may stand for missing letters.
 */
export function resultsName(bytes: Uint8Array, from: number, bareCr: BareCr): ResultsName | undefined {
  const start = significant(bytes, from, bareCr);
  let matched = 0;
  let isGuess = false;
  let index = start;
  let end = start;
  while (matched < NAME.length) {
    const byte = bytes[index];
    if (byte === undefined) return undefined;
    if (byte === COLON || isEncodedWord(bytes, index)) return isGuess || byte === EQUALS ? guessed(index) : undefined;
    if (byte > DELETE) isGuess = true;
    else {
      const letter = lowerCase(byte);
      const at = isGuess ? NAME.indexOf(letter, matched) : matched;
      if (NAME[at] !== letter) return undefined;
      matched = at + 1;
    }
    end = index + 1;
    index = significant(bytes, end, bareCr);
  }
  if (isNameByte(bytes[end])) return undefined;
  const colon = colonBehind(bytes, end, bareCr);
  if (colon === undefined) return undefined;
  return { start, colon, isPlain: start === from && end === start + NAME.length && isBlank(bytes, end, colon) };

  /** A shorter name cannot be it, because no encoding has fewer bytes than letters. */
  function guessed(index: number): ResultsName | undefined {
    const colon = colonBehind(bytes, index, bareCr);
    return colon === undefined || colon - start < NAME.length ? undefined : { start, colon, isPlain: false };
  }
}

/** Index of the next byte that is neither dropped nor in a comment; past the end when the field has none. */
function significant(bytes: Uint8Array, from: number, bareCr: BareCr): number {
  let depth = 0;
  for (let index = from; index < bytes.length && !endsField(bytes, index, bareCr); index += 1) {
    const byte = bytes[index];
    if (byte === OPEN) depth += 1;
    else if (byte === CLOSE && depth > 0) depth -= 1;
    else if (byte === BACKSLASH && depth > 0) index += isParenthesis(bytes[index + 1]) ? 1 : 0;
    else if (depth === 0 && !isDropped(byte)) return index;
  }
  return bytes.length;
}

function colonBehind(bytes: Uint8Array, from: number, bareCr: BareCr): number | undefined {
  for (let index = from; index < bytes.length && !endsField(bytes, index, bareCr); index += 1)
    if (bytes[index] === COLON) return index;
  return undefined;
}

function isBlank(bytes: Uint8Array, from: number, to: number): boolean {
  for (let index = from; index < to; index += 1) if (bytes[index] !== SPACE && bytes[index] !== TAB) return false;
  return true;
}

/** White space, control characters, quotes. */
function isDropped(byte: number | undefined): boolean {
  return byte === undefined || byte <= SPACE || byte === DELETE || byte === QUOTE || byte === BACKSLASH;
}

/** Makes it a different name, like `Authentication-Results-Original`. */
function isNameByte(byte: number | undefined): boolean {
  return !isDropped(byte) && byte !== COLON && byte !== OPEN && (byte ?? 0) < DELETE;
}

function isParenthesis(byte: number | undefined): boolean {
  return byte === OPEN || byte === CLOSE || byte === BACKSLASH;
}
