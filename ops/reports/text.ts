/** RFC 7489 section 7.2.1.1 and RFC 8460 section 5.1 want UTF-8; .NET and Java programs write UTF-16, others their code page. */
export function decodeText(bytes: Uint8Array): string {
  return new TextDecoder(encodingOf(bytes)).decode(bytes);
}

/** By the byte order mark, the zero bytes around the first character, or the XML declaration. */
function encodingOf(bytes: Uint8Array): string {
  const [first = 0, second = 0] = bytes;
  if ((first === 0xff && second === 0xfe) || (first !== 0 && second === 0)) return "utf-16le";
  if ((first === 0xfe && second === 0xff) || (first === 0 && second !== 0)) return "utf-16be";
  const head = new TextDecoder("latin1").decode(bytes.subarray(0, 200));
  const declared = /^\s*<\?xml[^>]*\sencoding\s*=\s*["']([\w.:-]{1,40})["']/i.exec(head)?.[1] ?? "utf-8";
  // Text that declares UTF-16 but has no zero bytes was converted to UTF-8 on the way.
  return /^utf-16/i.test(declared) || !isKnown(declared) ? "utf-8" : declared;
}

function isKnown(encoding: string): boolean {
  try {
    return new TextDecoder(encoding).encoding !== "";
  } catch {
    return false;
  }
}

/** Whether a text begins like a report: DMARC's XML or TLS-RPT's JSON. */
export function looksLikeReport(text: string): boolean {
  const head = text.slice(0, 16_384).trimStart();
  if (head.startsWith("{")) return /"(?:policies|organization-name|report-id)"/.test(head);
  return head.startsWith("<") && /<(?:[\w.-]{1,60}:)?feedback[\s/>]/.test(head);
}
