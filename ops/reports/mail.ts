import PostalMime, { type Attachment, type Email } from "postal-mime";
import { parseAggregateReport } from "./dmarc";
import { type Report, UnreadableReport } from "./report";
import { looksLikeReport } from "./text";
import { parseTlsReport } from "./tls";
import { isPacked, unpack } from "./unpack";

/** What is asked of the mail server; larger mails are not fetched. */
export const MAX_MAIL_BYTES = 15 * 1024 * 1024;
const MAX_PARTS = 30;
const MAX_MIME_DEPTH = 10;
/** A mail attached to a mail attached to a mail. */
const MAX_MAIL_DEPTH = 5;
const MAX_HEADER_BYTES = 256 * 1024;

/** RFC 7489 section 7.2.1.1 names files `receiver!domain!begin!end.xml.gz`; RFC 8460 section 5.1 likewise. */
const REPORT_FILE = /!\d{8,13}!\d{8,13}|\.(?:xml|json)(?:\.gz|\.zip)?$/i;
const REPORT_TYPES = new Set(["application/tlsrpt+json", "application/tlsrpt+gzip", "application/xml", "text/xml"]);
/** The second is one with UTF-8 in its header (RFC 6532). Some forward mails as files. */
const MESSAGE_TYPES = new Set(["message/rfc822", "message/global"]);
const MESSAGE_FILE = /\.eml$/i;

/** What a mail holds. */
export interface MailReports {
  readonly reports: readonly Report[];
  /** Parts that could be reports but cannot be read, in the reader's words. */
  readonly faults: readonly string[];
}

/**
 * The reports in a mail as it was received: attachments, mails attached to it, and its own text, recognised by their
 * content, because names and media types of reports are often missing or wrong. A part that cannot be read does not affect others.
 *
 * @throws UnreadableReport when the mail itself cannot be read
 */
export async function reportsIn(raw: Uint8Array): Promise<MailReports> {
  const found = { reports: [] as Report[], faults: [] as string[], parts: 0 };
  await readMail(raw, 0, found);
  return found;
}

async function readMail(raw: Uint8Array, depth: number, found: Found): Promise<void> {
  const { attachments, text = "", html = "" } = await parsed(raw);
  for (const body of [text, html]) if (looksLikeReport(body)) take(found, () => [body], true);
  for (const attachment of attachments) {
    if (++found.parts > MAX_PARTS) {
      // Once: an attached mail's parts count too.
      if (found.parts === MAX_PARTS + 1) found.faults.push(`the mail has more than ${MAX_PARTS} parts`);
      return;
    }
    const bytes = bytesOf(attachment.content);
    if (!isMessage(attachment)) {
      const isNamed = isNamedReport(attachment);
      if (isNamed || isPacked(bytes) || looksLikeReport(beginningOf(bytes)))
        take(found, (faults) => unpack(bytes, faults), isNamed);
    } else if (depth < MAX_MAIL_DEPTH)
      await readMail(bytes, depth + 1, found).catch((error: unknown) => found.faults.push(reasonOf(error)));
    else found.faults.push(`mails are nested more than ${MAX_MAIL_DEPTH} deep`);
  }
}

interface Found {
  readonly reports: Report[];
  readonly faults: string[];
  parts: number;
}

async function parsed(raw: Uint8Array): Promise<Email> {
  return PostalMime.parse(raw, {
    attachmentEncoding: "arraybuffer",
    forceRfc822Attachments: true,
    maxNestingDepth: MAX_MIME_DEPTH,
    maxHeadersSize: MAX_HEADER_BYTES,
  }).catch(() => {
    throw new UnreadableReport("the mail is damaged");
  });
}

/** Adds the reports in some texts. An archive may hold anything, so only one named as a report has to hold one. */
function take({ reports, faults }: Found, textsOf: (faults: string[]) => readonly string[], isNamed: boolean): void {
  try {
    const texts = textsOf(faults);
    const likely = texts.filter(looksLikeReport);
    for (const text of likely.length === 0 && isNamed ? texts : likely)
      try {
        reports.push(parseReport(text));
      } catch (error) {
        faults.push(reasonOf(error));
      }
  } catch (error) {
    faults.push(reasonOf(error));
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof UnreadableReport) return error.message;
  throw error;
}

/** A report from its text; XML is DMARC's, JSON is TLS-RPT's. @throws UnreadableReport */
export function parseReport(content: string): Report {
  const text = content.replace(/^[\uFEFF\s\0]+/, "");
  return text.startsWith("{") ? parseTlsReport(text) : parseAggregateReport(text);
}

function isMessage({ filename, mimeType }: Attachment): boolean {
  return MESSAGE_TYPES.has(mimeType.toLowerCase()) || MESSAGE_FILE.test(filename ?? "");
}

function isNamedReport({ filename, mimeType }: Attachment): boolean {
  return REPORT_TYPES.has(mimeType.toLowerCase()) || REPORT_FILE.test(filename ?? "");
}

/** Enough to see what it is, in whichever encoding. */
function beginningOf(bytes: Uint8Array): string {
  return unpack(bytes.subarray(0, 32_768)).join("");
}

function bytesOf(content: ArrayBuffer | Uint8Array | string): Uint8Array {
  if (typeof content === "string") return Buffer.from(content);
  return content instanceof Uint8Array ? content : new Uint8Array(content);
}
