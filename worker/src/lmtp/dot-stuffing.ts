const CR = 13;
const LF = 10;
const SPACE = 32;
const DOT = 46;

/** Bytes of one piece, at most. */
export const PIECE_BYTES = 64 * 1024;

/** A byte becomes three at most: a bare LF in front of it becomes CRLF, and a dot is doubled. */
const LARGEST_STEP = 3;

/**
 * The message as DATA carries it, with the end-of-data line (RFC 5321 §4.5.2).
 *
 * Bytes change only where RFC 5321 §2.3.8 leaves no choice, because nothing but CRLF may end a line: a bare LF becomes
 * CRLF, a bare CR a space, and a missing CRLF at the end is added. So the server sees no `LF . LF`, `LF . CRLF` or
 * `CR . CR`, of which some take one for the end of the data, and the rest of the message for commands. NUL and 8-bit bytes
 * stay. Where CHUNKING is offered none of this happens.
 */
export function* dotStuffed(message: Uint8Array): Generator<Uint8Array> {
  let piece = new Uint8Array(PIECE_BYTES);
  let length = 0;
  let isLineStart = true;
  for (let index = 0; index < message.byteLength; index++) {
    const byte = message[index] ?? 0;
    if (length > PIECE_BYTES - LARGEST_STEP) {
      yield piece.subarray(0, length);
      piece = new Uint8Array(PIECE_BYTES);
      length = 0;
    }
    if (byte === CR) {
      const isEnd = message[index + 1] === LF;
      piece[length++] = isEnd ? CR : SPACE;
      if (isEnd) piece[length++] = message[++index] ?? LF;
      isLineStart = isEnd;
    } else if (byte === LF) {
      piece[length++] = CR;
      piece[length++] = LF;
      isLineStart = true;
    } else {
      if (byte === DOT && isLineStart) piece[length++] = DOT;
      piece[length++] = byte;
      isLineStart = false;
    }
  }
  yield piece.subarray(0, length);
  yield new TextEncoder().encode(isLineStart ? ".\r\n" : "\r\n.\r\n");
}
