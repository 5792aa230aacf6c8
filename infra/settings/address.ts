import { mailto } from "../dns/mailto";
import { domainFault } from "./domain";
import { bad, type Checked, type Fault, good, hasInvisible, isAscii, quote } from "./fault";
import { asciiLowerCase, domainOf, isLocalPart, localPartOf, MAX_ADDRESS, MAX_LOCAL_PART } from "./mailbox";

export interface AddressRules {
  /** The only domain allowed; `undefined` when it is itself wrong and already reported. */
  readonly domain: string | undefined;
  /** Refuses a plus-tag: mail for `user+tag` already goes to `user`, so the tag can name no account. */
  readonly noTag?: boolean;
}

/** Local parts of the accounts that Stalwart gets beside the primary one: the administrator's and the Worker's. */
export const RESERVED_LOCAL_PARTS = { admin: "admin", worker: "cf-mail-worker" } as const;

/** Refuses an address of the deployment that names one of its other accounts. */
function reservedFault(local: string): Fault | undefined {
  if (local === RESERVED_LOCAL_PARTS.admin) return { rule: "is the administrator's account in Stalwart" };
  if (local === RESERVED_LOCAL_PARTS.worker) return { rule: "is the Worker's account in Stalwart" };
  return undefined;
}

/** Checks a complete address of the mail domain, in lower case. RFC 5321 §4.1.2, dot-string only. */
export function parseOwnAddress(text: string, rules: AddressRules): Checked<string> {
  const parts = split(text);
  if (!("local" in parts)) return bad(parts);
  const fault = localPartFault(parts.local);
  if (fault !== undefined) return bad(inAddress(fault, parts.domain));
  if (rules.domain !== undefined && parts.domain !== rules.domain) {
    const mend = `${parts.local}@${rules.domain}`;
    const rule =
      parts.domain.toLowerCase() === rules.domain
        ? "has upper case letters"
        : "is in another domain than the mail domain";
    return bad({ rule, detail: `in the mail domain it would be ${quote(mend)}`, mend });
  }
  if (rules.noTag === true && parts.local.includes("+")) {
    const mend = `${parts.local.split("+")[0] ?? ""}@${parts.domain}`;
    return bad({ rule: "has a plus-tag, so it names no account", detail: `the account would be ${quote(mend)}`, mend });
  }
  if (text.length > MAX_ADDRESS) return bad({ rule: `is longer than ${MAX_ADDRESS} characters` });
  const reserved = reservedFault(parts.local);
  return reserved === undefined ? good(text) : bad(reserved);
}

/**
 * Checks an address that receives reports; it may be in any domain (RFC 9990 §4, RFC 8460 §3). It becomes part of a `mailto:`
 * URI inside a tag list. Characters that must be percent-encoded there (RFC 6068 §2) are refused: not every receiver decodes
 * them, and the reports would be lost.
 */
export function parseReportAddress(text: string): Checked<string> {
  const checked = parseAddress(text);
  if (!checked.ok || mailto(text) === `mailto:${text}`) return checked;
  return bad({
    rule: "has a character that a report URI would have to encode",
    allowed: "letters, digits and . _ + ~ - before the @",
  });
}

/** Checks an address in any domain, in lower case. */
export function parseAddress(text: string): Checked<string> {
  const parts = split(text);
  if (!("local" in parts)) return bad(parts);
  const fault = localPartFault(parts.local);
  if (fault !== undefined) return bad(inAddress(fault, parts.domain));
  const inDomain = domainFault(parts.domain);
  if (inDomain !== undefined) {
    const { mend, rule, detail } = inDomain;
    return bad({
      rule: `has a domain part that ${rule}`,
      ...(detail === undefined ? {} : { detail }),
      ...(mend === undefined ? {} : { mend: `${parts.local}@${mend}` }),
    });
  }
  if (text.length > MAX_ADDRESS) return bad({ rule: `is longer than ${MAX_ADDRESS} characters` });
  return good(text);
}

/** Checks the local part of an own address, as an alias may be given. */
export function localPartFault(local: string): Fault | undefined {
  if (local === "") return { rule: "has no local part" };
  if (!isAscii(local)) {
    return {
      rule: "has a local part that is not in ASCII",
      consequence: "Cloudflare Email Routing does not take SMTPUTF8 (RFC 6531): such mail would never arrive.",
    };
  }
  if (local.startsWith('"') || local.endsWith('"'))
    return { rule: "has a quoted local part", allowed: "a local part without quotes" };
  if (local.length > MAX_LOCAL_PART) return { rule: `has a local part longer than ${MAX_LOCAL_PART} octets` };
  if (/[A-Z]/.test(local)) {
    const mend = asciiLowerCase(local);
    return (
      localPartFault(mend) ?? { rule: "has upper case letters", detail: `in lower case it is ${quote(mend)}`, mend }
    );
  }
  if (/^\.|\.\.|\.$/.test(local)) return { rule: "has a local part with a dot at its end or two in a row" };
  if (!isLocalPart(local)) return { rule: "has a character that a local part may not have" };
  return undefined;
}

/** Completes what a fault suggests for the local part. */
function inAddress(fault: Fault, domain: string): Fault {
  if (fault.mend === undefined) return fault;
  const mend = `${fault.mend}@${domain}`;
  return { ...fault, mend, detail: `in lower case it is ${quote(mend)}` };
}

function split(text: string): { readonly local: string; readonly domain: string } | Fault {
  const bare = /^(?:.*<|mailto:)([^<>\s]+@[^<>\s]+?)>?$/is.exec(text.slice(0, 2 * MAX_ADDRESS))?.[1];
  if (bare !== undefined)
    return { rule: "is more than a bare address", detail: `the address in it is ${quote(bare)}`, mend: bare };
  const local = localPartOf(text);
  if (local.startsWith('"')) return { rule: "has a quoted local part", allowed: "a local part without quotes" };
  if (hasInvisible(text)) return { rule: "contains white space or control characters" };
  if (!text.includes("@")) return { rule: "is not an address: it has no @" };
  const domain = domainOf(text);
  return domain === "" ? { rule: "has no domain part" } : { local, domain };
}

/** Checks an alias: a local part, or a complete address of the mail domain. Returns the complete address. */
export function parseAlias(text: string, domain: string | undefined): Checked<string> {
  if (text.includes("@")) return parseOwnAddress(text, { domain });
  const fault = hasInvisible(text)
    ? { rule: "contains white space or control characters" }
    : (localPartFault(text) ?? reservedFault(text));
  return fault === undefined ? good(`${text}@${domain ?? ""}`) : bad(fault);
}
