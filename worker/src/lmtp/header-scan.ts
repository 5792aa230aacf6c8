import { CR, LF, SPACE, TAB } from "./ascii";

/** How a reader treats a CR without LF, which RFC 5322 §2.3 forbids: as the end of a line, or as nothing. */
export type BareCr = "ends-line" | "dropped";

/**
 * Visits every header field; folded lines belong to the field before.
 *
 * @param visit told where a field begins
 * @returns where the header section ends: at its empty line, or at the end of the message
 */
export function visitFields(bytes: Uint8Array, bareCr: BareCr, visit: (start: number) => void): number {
  let start = 0;
  for (;;) {
    // For other readers a bare CR does not end a line, so an empty line after one does not end the section.
    const isLine = start === 0 || bytes[start - 1] === LF;
    if (start >= bytes.length || (isLine && isEmptyLine(bytes, start))) return start;
    visit(start);
    start = fieldEnd(bytes, start, bareCr);
  }
}

/** Index of the first byte after the field that contains `from`, including its line end. */
export function fieldEnd(bytes: Uint8Array, from: number, bareCr: BareCr): number {
  for (let index = from; index < bytes.length; index += 1) {
    // Most bytes are above both.
    if ((bytes[index] ?? 0) <= CR && endsField(bytes, index, bareCr)) return index + 1;
  }
  return bytes.length;
}

/** The byte ends a line, and the next one does not continue it (RFC 5322 §2.2.3). */
export function endsField(bytes: Uint8Array, index: number, bareCr: BareCr): boolean {
  const byte = bytes[index];
  const isEnd = byte === LF || (byte === CR && bareCr === "ends-line" && bytes[index + 1] !== LF);
  return isEnd && bytes[index + 1] !== SPACE && bytes[index + 1] !== TAB;
}

export function hasBareCr(bytes: Uint8Array, end: number): boolean {
  for (let index = 0; index < end; index += 1) if (bytes[index] === CR && bytes[index + 1] !== LF) return true;
  return false;
}

function isEmptyLine(bytes: Uint8Array, line: number): boolean {
  return bytes[line] === LF || (bytes[line] === CR && bytes[line + 1] === LF);
}
