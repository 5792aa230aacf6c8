/** A reply of the server (RFC 5321 §4.2). */
export interface Reply {
  /** Three digits, 200 to 559. */
  readonly code: number;
  /** Enhanced status code (RFC 3463, RFC 2034), whose class is that of the code. */
  readonly enhanced: string | undefined;
  /** The text of each line, without the codes. Not to be trusted: see {@link cleanText}. */
  readonly lines: readonly string[];
}

/** What came is no reply. The message says what is wrong with it and quotes nothing. */
export class NoReplyError extends Error {
  override readonly name = "NoReplyError";
}

/** RFC 5321 §4.5.3.1.5 allows 512 octets with the line end; some servers write longer ones. */
export const MAX_LINE_BYTES = 2_000;

/** LHLO is the longest reply; real servers list fewer than 30 extensions. */
export const MAX_REPLY_LINES = 100;

/** The third digit is free; the first two are those of RFC 5321 §4.2.1. A reply never begins with 1 (§4.2). */
const LINE = /^([2-5][0-5][0-9])(?:([ -])(.*))?$/s;
const ENHANCED = /^([245])\.(\d{1,3})\.(\d{1,3})(?: +|$)/;

/** Takes bytes as they come and gives replies. What it holds is bounded by one line and one reply. */
export class ReplyParser {
  private unread = "";
  private code = "";
  private enhanced: string | undefined;
  private lines: string[] = [];
  /** Every byte is a character, because a reply may be cut anywhere. */
  private readonly decoder = new TextDecoder("latin1");

  push(bytes: Uint8Array): void {
    this.unread += this.decoder.decode(bytes);
  }

  /**
   * The next complete reply, or undefined when more bytes are needed.
   * @throws NoReplyError when it can be none; the connection is of no use then.
   */
  next(): Reply | undefined {
    for (;;) {
      const end = this.unread.indexOf("\n");
      if ((end < 0 ? this.unread.length : end) > MAX_LINE_BYTES)
        throw new NoReplyError(`a line is longer than ${MAX_LINE_BYTES} bytes`);
      if (end < 0) return undefined;
      const line = this.unread.slice(0, end).replace(/\r$/, "");
      this.unread = this.unread.slice(end + 1);
      if (this.take(line)) return this.finish();
    }
  }

  /** True when the line is the last one of its reply. */
  private take(line: string): boolean {
    const [, code, separator, text = ""] = LINE.exec(line) ?? [];
    if (code === undefined) throw new NoReplyError("a line is not one of a reply");
    if (this.lines.length === 0) this.code = code;
    else if (code !== this.code) throw new NoReplyError("the lines of a reply have different codes");
    if (this.lines.length === MAX_REPLY_LINES) throw new NoReplyError(`a reply has more than ${MAX_REPLY_LINES} lines`);
    const match = ENHANCED.exec(text);
    const isEnhanced = match !== null && match[1] === code[0];
    if (isEnhanced) this.enhanced ??= match[0].trim();
    this.lines.push(isEnhanced ? text.slice(match[0].length) : text);
    return separator !== "-";
  }

  private finish(): Reply {
    const reply = { code: Number(this.code), enhanced: this.enhanced, lines: this.lines };
    this.enhanced = undefined;
    this.lines = [];
    return reply;
  }
}

/** For bounces and logs that people read: longer texts say no more. */
export const MAX_TEXT_CHARACTERS = 200;

/** Dotted quads, and anything hexadecimal with two colons. */
const IP_ADDRESS = /\b\d{1,3}(?:\.\d{1,3}){3}\b|(?<![\w.])(?:[0-9a-f]{0,4}:){2,}[0-9a-f.]{0,15}/gi;

/**
 * The text of a reply for the sender of the message: printable ASCII on one line, of bounded length, and without
 * IP addresses, because where home is stays hidden.
 */
export function cleanText({ lines }: Reply): string {
  const text = lines
    .join(" ")
    .slice(0, MAX_LINE_BYTES)
    .replace(/[^ -~]+/g, " ")
    .replace(IP_ADDRESS, "[...]");
  return text.replace(/ +/g, " ").trim().slice(0, MAX_TEXT_CHARACTERS).trim();
}

/** The codes alone, which may be logged: a text may quote the message or an address. */
export function codesOf({ code, enhanced }: Reply): string {
  return enhanced === undefined ? String(code) : `${code} ${enhanced}`;
}
