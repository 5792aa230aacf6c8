import { isIP } from "node:net";
import { domainToASCII, domainToUnicode } from "node:url";
import { parse } from "tldts";
import { bad, type Checked, type Fault, good, hasInvisible, isAscii, quote } from "./fault";

/** RFC 1035 §2.3.4: 63 octets for a label, 255 on the wire for a name, which is 253 characters of text. */
const LONGEST_LABEL = 63;
const LONGEST_NAME = 253;

/** RFC 2606 §2, RFC 6761: reserved names that no one can register; `.test` and `.example` serve test stacks. */
const TEST_SUFFIXES = [".test", ".example"];

/** Checks a mail domain: a host name (RFC 1123 §2.1) that somebody can hold, not a public suffix or a private name. */
export function parseDomain(text: string): Checked<string> {
  const fault = domainFault(text);
  return fault === undefined ? good(text) : bad(fault);
}

/** What is wrong with a name that must exist in the public DNS, or in a test stack's. */
export function domainFault(text: string): Fault | undefined {
  const fault = nameFault(text, domainFault);
  if (fault !== undefined) return fault;
  if (!text.includes(".")) return { rule: "is a single label, not a domain name" };
  if (TEST_SUFFIXES.some((suffix) => text.endsWith(suffix))) return undefined;
  // Private suffixes (github.io, pages.dev) stay allowed: unlike a registry's, they have an owner who may run mail there.
  const { publicSuffix, isIcann } = parse(text, { allowPrivateDomains: false });
  if (isIcann !== true) {
    return {
      rule: "ends in no known top-level domain",
      detail: `${quote(text.slice(text.lastIndexOf(".") + 1))} is not in the public suffix list`,
      consequence: "Nobody on the internet could resolve it.",
      allowed:
        "a domain below a public suffix, or below .test or .example for a test stack; a brand-new top-level domain needs a newer npm package tldts",
    };
  }
  if (publicSuffix === text) {
    return { rule: "is a public suffix", consequence: "Domains are registered below it; it is not one itself." };
  }
  return undefined;
}

/**
 * What is wrong with a host name: RFC 1035 §2.3.1 and RFC 1123 §2.1, in the one form that the program uses (lower case,
 * A-labels, no trailing dot). `accept` judges the suggested form, so that a suggestion never fails in turn.
 */
export function nameFault(text: string, accept: (text: string) => Fault | undefined = nameFault): Fault | undefined {
  const fault = formFault(text) ?? labelFault(text);
  if (fault?.mend === undefined) return fault;
  const { mend, ...rest } = fault;
  return mend !== text && accept(mend) === undefined ? fault : rest;
}

function formFault(text: string): Fault | undefined {
  if (text === "") return { rule: "is empty" };
  if (hasInvisible(text)) return withMend({ rule: "contains white space or control characters" }, text.trim());
  if (text.includes("://")) return withMend({ rule: "is a URL, not a name" }, hostOf(text));
  if (isIP(text.replace(/^\[(.*)\]$/, "$1")) !== 0) return { rule: "is an IP address, not a name" };
  if (text.includes("@")) return withMend({ rule: "is an address, not a name" }, text.slice(text.lastIndexOf("@") + 1));
  if (text.includes("/")) return withMend({ rule: "has a path" }, text.split("/")[0]);
  if (text.includes(":")) return withMend({ rule: "has a port" }, text.split(":")[0]);
  if (text.endsWith(".")) return withMend({ rule: "ends in a dot" }, text.replace(/\.+$/, ""));
  if (!isAscii(text)) return unicodeFault(text);
  if (/[A-Z]/.test(text))
    return withMend({ rule: "has upper case letters" }, text.toLowerCase(), "in lower case it is");
  return undefined;
}

function unicodeFault(text: string): Fault {
  // RFC 5891: DNS, certificates and Cloudflare's API carry A-labels. Long texts are no names: do not transform them.
  const ascii = text.length <= LONGEST_NAME ? domainToASCII(text) : "";
  if (ascii === "") return { rule: "is not in ASCII and has no A-label form" };
  return withMend({ rule: "is not in ASCII" }, ascii, "its A-label form is");
}

function labelFault(text: string): Fault | undefined {
  if (text.length > LONGEST_NAME) return { rule: `is longer than ${LONGEST_NAME} characters` };
  for (const label of text.split(".")) {
    const detail = `the label is ${quote(label)}`;
    if (label === "") return { rule: "has an empty label" };
    if (label.length > LONGEST_LABEL) return { rule: `has a label longer than ${LONGEST_LABEL} characters`, detail };
    if (label.includes("_")) return { rule: "contains an underscore, which no host name may", detail };
    if (/[^a-z0-9-]/.test(label)) return { rule: "contains a character other than a-z, 0-9 and hyphen", detail };
    if (/^-|-$/.test(label)) return { rule: "has a label that begins or ends with a hyphen", detail };
    if (label.startsWith("xn--") && !isALabel(label)) return { rule: "has an invalid A-label", detail };
  }
  return undefined;
}

/** RFC 5890 §2.3.2.1. For what does not decode, older versions of Node answer "", newer ones the label as it is. */
function isALabel(label: string): boolean {
  return !isAscii(domainToUnicode(label));
}

function withMend(fault: Fault, mend: string | undefined, lead = "that would be"): Fault {
  return mend === undefined || mend === "" ? fault : { ...fault, mend, detail: `${lead} ${quote(mend)}` };
}

function hostOf(text: string): string | undefined {
  return URL.canParse(text) ? new URL(text).hostname : undefined;
}

/** True for a name of a record: as a host name in lower case, and underscores are allowed (RFC 8552). */
export function isRecordName(text: string): boolean {
  return text.length <= LONGEST_NAME && text.split(".").every((label) => /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/.test(label));
}
