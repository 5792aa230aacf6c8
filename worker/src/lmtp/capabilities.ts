import type { Reply } from "./reply";

/** What the server offers in its answer to LHLO. */
export interface Capabilities {
  /** RFC 2920: commands may go out before the earlier ones are answered. */
  readonly pipelining: boolean;
  /** RFC 3030: BDAT. */
  readonly chunking: boolean;
  /** RFC 6152. */
  readonly eightBitMime: boolean;
  /** RFC 6531. */
  readonly smtpUtf8: boolean;
  /** RFC 1870: SIZE may be announced. */
  readonly size: boolean;
  /** The largest message in bytes, when the server names one (RFC 1870 §4). */
  readonly maxBytes: number | undefined;
}

/** Reads the reply to LHLO (RFC 5321 §4.1.1.1): the first line is a greeting, each other one a keyword with parameters. */
export function capabilitiesIn({ lines }: Reply): Capabilities {
  const keywords = new Map<string, string>();
  for (const line of lines.slice(1)) {
    const [keyword = "", parameter = ""] = line.trim().split(/\s+/);
    keywords.set(keyword.toUpperCase(), parameter);
  }
  const size = keywords.get("SIZE");
  return {
    pipelining: keywords.has("PIPELINING"),
    chunking: keywords.has("CHUNKING"),
    eightBitMime: keywords.has("8BITMIME"),
    smtpUtf8: keywords.has("SMTPUTF8"),
    size: size !== undefined,
    // Absent or 0: no fixed limit.
    maxBytes: size !== undefined && /^0*[1-9]\d{0,14}$/.test(size) ? Number(size) : undefined,
  };
}
