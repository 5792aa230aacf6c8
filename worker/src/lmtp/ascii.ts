/** Bytes of a header section (RFC 20). */

export const TAB = 9;
export const LF = 10;
export const FORM_FEED = 12;
export const CR = 13;
export const SPACE = 32;
export const QUOTE = 34;
export const OPEN = 40;
export const CLOSE = 41;
export const COLON = 58;
export const OPEN_ANGLE = 60;
export const EQUALS = 61;
export const CLOSE_ANGLE = 62;
export const QUESTION_MARK = 63;
export const BACKSLASH = 92;
export const TILDE = 126;
export const DELETE = 127;

const UPPER_A = 65;
const UPPER_Z = 90;
const LOWER_A = 97;
const LOWER_Z = 122;

/** Other bytes stay as they are. */
export function lowerCase(byte: number): number {
  return byte >= UPPER_A && byte <= UPPER_Z ? byte + LOWER_A - UPPER_A : byte;
}

export function isLowerCase(byte: number): boolean {
  return byte >= LOWER_A && byte <= LOWER_Z;
}

/** An encoded word begins here (RFC 2047 §2). */
export function isEncodedWord(bytes: Uint8Array, index: number): boolean {
  return bytes[index] === EQUALS && bytes[index + 1] === QUESTION_MARK;
}
