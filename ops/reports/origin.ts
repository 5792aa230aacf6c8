import { organisationalDomain } from "../../infra/dns/reports";
import type { Report } from "./report";

/** The authserv-id of Email Routing (RFC 8601 section 2.5). */
const AUTHSERV_ID = "mx.cloudflare.net";
const RECEIVED_BY_CLOUDFLARE = /\bby\s+(?:[a-z0-9-]+\.)*cloudflare(?:-email)?\.net(?=[\s;(]|$)/i;
/** Fields that home's server and the Worker put above those of the edge. */
const OF_HOME = /^(?:received|return-path|delivered-to|x-spam-[a-z-]+|authentication-results)$/;
/** Fields that Email Routing puts in front of what the sender wrote. */
const OF_EDGE = /^(?:x-original-to|arc-[a-z-]+|received-spf|authentication-results|x-cf-[a-z0-9-]+)$/;
/** Stalwart's, the Worker's and one to spare. */
const MAX_RECEIVED_AT_HOME = 3;
const MAX_HEADER_BYTES = 256 * 1024;

/**
 * The domain that sent a mail, as the edge saw it: the author's domain that passed DMARC, or the one that signed. Only the
 * first verdict of Email Routing counts, and only above every field that the sender can have written; everything below it
 * is the sender's own claim. Undefined when nobody vouches for the mail.
 */
export function originOf(raw: Uint8Array): string | undefined {
  const verdict = verdictOf(raw);
  if (verdict === undefined) return undefined;
  const results = withoutComments(verdict)?.split(";") ?? [];
  const [server = "", ...found] = results.map((result) => result.trim().toLowerCase());
  if (server.split(/\s/)[0] !== AUTHSERV_ID) return undefined;
  // The edge gives one verdict for each method except DKIM; a second one would be forged.
  const dmarc = found.find((result) => /^dmarc\s*=/.test(result)) ?? "";
  if (/^dmarc\s*=\s*pass\b/.test(dmarc)) return property(dmarc, "header.from");
  const signed = found.find((result) => /^dkim\s*=\s*pass\b/.test(result)) ?? "";
  return property(signed, "header.d");
}

/** Whether the domain that sent the mail is the organisation that the report names, or its contact. */
export function vouchesFor(origin: string | undefined, { reporter, contact }: Report): boolean {
  if (origin === undefined) return false;
  const sender = organisationalDomain(origin);
  return [contact, reporter.toLowerCase()].some((name) => name !== undefined && organisationalDomain(name) === sender);
}

/** `google.com`; `Outlook.com (microsoft.com)` by who vouches for it; `google.com (unverified)` when nobody does. */
export function reporterName(report: Report, origin: string | undefined): string {
  const name = report.reporter || report.contact || "(no name)";
  if (!vouchesFor(origin, report) || origin === undefined) return `${name} (unverified)`;
  const sender = organisationalDomain(origin);
  return organisationalDomain(name.toLowerCase()) === sender ? name : `${name} (${sender})`;
}

function verdictOf(raw: Uint8Array): string | undefined {
  let isAtEdge = false;
  let receivedAtHome = 0;
  for (const { name, value } of fields(raw)) {
    const isReceived = name === "received";
    if (isReceived && RECEIVED_BY_CLOUDFLARE.test(value)) isAtEdge = true;
    else if (!isAtEdge && isReceived && ++receivedAtHome > MAX_RECEIVED_AT_HOME) return undefined;
    else if (!(isAtEdge ? OF_EDGE : OF_HOME).test(name)) return undefined;
    if (isAtEdge && name === "authentication-results" && value.toLowerCase().includes(AUTHSERV_ID)) return value;
  }
  return undefined;
}

function* fields(raw: Uint8Array): Generator<{ readonly name: string; readonly value: string }> {
  const head = new TextDecoder("latin1").decode(raw.subarray(0, MAX_HEADER_BYTES)).split(/\r?\n\r?\n/, 1)[0] ?? "";
  for (const field of head.split(/\r?\n(?![ \t])/)) {
    const colon = field.indexOf(":");
    yield {
      name: field.slice(0, Math.max(colon, 0)).trim().toLowerCase(),
      value: field.slice(colon + 1).replace(/\s+/g, " "),
    };
  }
}

/** Without comments and quoted strings, in which a sender's own words may stand (RFC 8601 section 2.2). Undefined: unbalanced. */
function withoutComments(value: string): string | undefined {
  let [depth, isQuoted, kept] = [0, false, ""];
  for (let at = 0; at < value.length; at += 1) {
    const character = value.charAt(at);
    if (character === "\\" && (isQuoted || depth > 0)) at += 1;
    else if (character === '"' && depth === 0) isQuoted = !isQuoted;
    else if (isQuoted) continue;
    else if (character === "(") depth += 1;
    else if (character === ")" && depth > 0) depth -= 1;
    else if (depth === 0) kept += character;
  }
  return depth === 0 && !isQuoted ? kept : undefined;
}

function property(result: string, name: string): string | undefined {
  const value = new RegExp(`\\s${name.replace(".", "\\.")}\\s*=\\s*@?([a-z0-9.-]{1,253})(?=\\s|$)`).exec(result)?.[1];
  return value?.replace(/\.$/, "");
}
