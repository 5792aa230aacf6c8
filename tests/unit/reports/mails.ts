import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { zipSync } from "fflate";

/** A report of tests/data/reports, written by hand after the schemas of RFC 7489, 9990 and 8460. */
export function sample(name: string): string {
  return readFileSync(join(__dirname, "../../data/reports", name), "utf8");
}

export interface MailParts {
  readonly subject?: string;
  readonly to?: string;
  readonly type: string;
  readonly filename?: string;
  readonly content: Uint8Array;
}

/** The attachment is the whole mail, as Google sends it. */
export function soleMail({ subject, to, type, filename, content }: MailParts): Buffer {
  const head =
    `From: reporter@receiver.example\r\nTo: ${to ?? "postmaster@augustin.ai"}\r\nSubject: ${subject ?? "Report domain: augustin.ai"}\r\n` +
    `Message-ID: <${filename ?? "x"}@receiver.example>\r\nMIME-Version: 1.0\r\nContent-Type: ${type}${parameter("name", filename)}\r\n` +
    `Content-Disposition: attachment${parameter("filename", filename)}\r\nContent-Transfer-Encoding: base64\r\n\r\n`;
  return Buffer.from(head + base64(content));
}

/** Beside a text for people, as RFC 8460 section 5.3 and most others have it. */
export function multipartMail(...parts: readonly MailParts[]): Buffer {
  const { subject, to, filename } = parts[0] ?? {};
  const attachments = parts.map(
    (part) =>
      `--b\r\nContent-Type: ${part.type}\r\n` +
      `Content-Disposition: attachment${parameter("filename", part.filename)}\r\nContent-Transfer-Encoding: base64\r\n\r\n` +
      `${base64(part.content)}\r\n`,
  );
  return Buffer.from(
    `From: reporter@receiver.example\r\nTo: ${to ?? "postmaster@augustin.ai"}\r\nSubject: ${subject ?? "Report Domain: augustin.ai"}\r\n` +
      `Message-ID: <m-${filename ?? "x"}@receiver.example>\r\nMIME-Version: 1.0\r\n` +
      `Content-Type: multipart/report; report-type="tlsrpt"; boundary="b"\r\n\r\n` +
      `--b\r\nContent-Type: text/plain\r\n\r\nThis is a report.\r\n${attachments.join("")}--b--\r\n`,
  );
}

/** As a person forwards a mail: whole, as an attachment. */
export function forwarded(raw: Buffer): Buffer {
  const boundary = `f${raw.length}`;
  return Buffer.concat([
    Buffer.from(
      `From: somebody@augustin.ai\r\nTo: postmaster@augustin.ai\r\nSubject: Fwd: dmarc\r\nMIME-Version: 1.0\r\n` +
        `Content-Type: multipart/mixed; boundary="${boundary}"\r\n\r\n--${boundary}\r\n\r\nsee below\r\n--${boundary}\r\n` +
        `Content-Type: message/rfc822\r\nContent-Disposition: attachment\r\n\r\n`,
    ),
    raw,
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ]);
}

function parameter(name: string, value: string | undefined): string {
  return value === undefined ? "" : `; ${name}="${value}"`;
}

export function zipped(...files: readonly (readonly [string, string | Uint8Array])[]): Uint8Array {
  return zipSync(
    Object.fromEntries(files.map(([name, text]) => [name, typeof text === "string" ? Buffer.from(text) : text])),
  );
}

export function gzipped(text: string | Uint8Array): Uint8Array {
  return gzipSync(text);
}

function base64(content: Uint8Array): string {
  return Buffer.from(content).toString("base64").replace(/.{76}/g, "$&\r\n");
}
