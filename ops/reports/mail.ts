import PostalMime from "postal-mime";
import { parseAggregateReport } from "./dmarc";
import { type Report, UnreadableReport } from "./report";
import { parseTlsReport } from "./tls";
import { unpack } from "./unpack";

/** What is asked of the mail server; larger mails are not fetched. */
export const MAX_MAIL_BYTES = 15 * 1024 * 1024;
const MAX_ATTACHMENTS = 10;
const MAX_MIME_DEPTH = 10;
const MAX_HEADER_BYTES = 256 * 1024;

/** RFC 7489 section 7.2.1.1 names files `receiver!domain!begin!end.xml.gz`; RFC 8460 section 5.1 likewise. */
const REPORT_FILE = /\.(?:xml|json)(?:\.gz)?$|\.(?:zip|gz)$/i;
const REPORT_TYPES = new Set([
  "application/gzip",
  "application/x-gzip",
  "application/zip",
  "application/x-zip-compressed",
  "application/xml",
  "text/xml",
  "application/tlsrpt+json",
  "application/tlsrpt+gzip",
]);

/**
 * The reports in a mail as it was received. None: the mail has no attachment that could be one.
 *
 * @throws UnreadableReport when the mail or such an attachment cannot be read
 */
export async function reportsIn(raw: Uint8Array): Promise<readonly Report[]> {
  const { attachments } = await PostalMime.parse(raw, {
    attachmentEncoding: "arraybuffer",
    maxNestingDepth: MAX_MIME_DEPTH,
    maxHeadersSize: MAX_HEADER_BYTES,
  }).catch(() => {
    throw new UnreadableReport("the mail is damaged");
  });
  const candidates = attachments.filter(
    ({ filename, mimeType }) => REPORT_TYPES.has(mimeType.toLowerCase()) || REPORT_FILE.test(filename ?? ""),
  );
  if (candidates.length > MAX_ATTACHMENTS)
    throw new UnreadableReport(`the mail has more than ${MAX_ATTACHMENTS} attachments`);
  return candidates.map(({ content }) => parseReport(unpack(bytesOf(content))));
}

/** A report from its text; XML is DMARC's, JSON is TLS-RPT's. */
export function parseReport(content: string): Report {
  return /^\uFEFF?\s*\{/.test(content) ? parseTlsReport(content) : parseAggregateReport(content.replace(/^\uFEFF/, ""));
}

function bytesOf(content: ArrayBuffer | Uint8Array | string): Uint8Array {
  if (typeof content === "string") return Buffer.from(content);
  return content instanceof Uint8Array ? content : new Uint8Array(content);
}
