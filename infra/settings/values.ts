import { envValueFault } from "../formats/env-file";
import { parseAlias, parseOwnAddress } from "./address";
import { AUTHORITIES } from "./authorities";
import { domainFault } from "./domain";
import { bad, type Checked, type Fault, good, quote } from "./fault";
import { parseDistinct, parseList } from "./list";
import { Secret } from "./secret";
import type { Service } from "./settings";
import { nearest } from "./spelling";

/** RFC 6186, 6764, 8314, 8620: what a client may discover. */
const SERVICES: readonly Service[] = ["jmap", "caldavs", "carddavs", "imaps", "submissions", "submission", "sieve"];

/** Checks one word out of several. */
export function parseChoice<const T extends string>(text: string, choices: readonly T[]): Checked<T> {
  const choice = choices.find((candidate) => candidate === text);
  if (choice !== undefined) return good(choice);
  const mend = nearest(text.slice(0, 64).trim(), choices);
  return bad({
    rule: "is not one of the allowed words",
    ...(mend === undefined ? {} : { mend, detail: `did you mean ${quote(mend)}` }),
  });
}

/** Checks a Cloudflare account id. */
export function parseAccountId(text: string): Checked<string> {
  if (/^[0-9a-f]{32}$/.test(text)) return good(text);
  if (/^[0-9A-Fa-f]{32}$/.test(text)) return bad({ rule: "has upper case letters", mend: text.toLowerCase() });
  if (/^[\d.]+e\+?\d+$/.test(text))
    return bad({ rule: "was read as a number: in the stack file it must be in quotes" });
  return bad({ rule: "is no Cloudflare account id" });
}

/** Checks the further addresses of the primary account and returns them complete. RFC 2142 for the default ones. */
export function parseAliases(
  text: string,
  domain: string | undefined,
  primary: string | undefined,
): Checked<readonly string[]> {
  return parseDistinct(text, (item) => {
    const checked = parseAlias(item, domain);
    return checked.ok && checked.value === primary ? bad({ rule: "is the primary address", remove: true }) : checked;
  });
}

/** Checks who takes mail for unknown local parts: `none`, or an address that this deployment has. */
export function parseCatchAll(
  text: string,
  domain: string | undefined,
  own: readonly (string | undefined)[],
): Checked<string> {
  if (text === "none") return good(text);
  if (text === "") return good(own[0] ?? "");
  const checked = parseOwnAddress(text, { domain });
  if (!checked.ok || own.includes(checked.value) || own.includes(undefined)) return checked;
  return bad({ rule: "is no address of this deployment", consequence: "Mail for it would find no account." });
}

/** Checks a Worker's name as it becomes part of `<name>.<account>.workers.dev`. */
export function parseWorkerName(text: string): Checked<string> {
  if (/^(?!-)[a-z0-9-]{1,63}(?<!-)$/.test(text)) return good(text);
  return bad({ rule: "is no name for a Worker" });
}

export function parseServices(text: string): Checked<readonly Service[]> {
  return parseDistinct(text, (item) => {
    const checked = parseChoice(item, SERVICES);
    return checked.ok ? checked : bad(...checked.faults.map((fault) => ({ ...fault, rule: "is no known service" })));
  });
}

/** Checks the issuers of the CAA records (RFC 8659 §4.2); parameters such as `accounturi` are not supported. None: no record. */
export function parseIssuers(text: string): Checked<readonly string[]> {
  return parseDistinct(text, (item) => {
    const fault = domainFault(item) ?? issuerFault(item);
    return fault === undefined ? good(item) : bad(fault);
  });
}

function issuerFault(name: string): Fault | undefined {
  if (AUTHORITIES.includes(name)) return undefined;
  const meant = nearest(name, AUTHORITIES);
  return {
    rule: "is not the name of a certificate authority in CAA records",
    ...(meant === undefined ? {} : { detail: `the nearest one is ${meant}`, mend: meant }),
    consequence: "No authority recognises it, so it would forbid what it is meant to allow.",
    allowed: "letsencrypt.org, pki.goog, ssl.com, sectigo.com, digicert.com and others (infra/settings/authorities.ts)",
  };
}

export function parsePriorities(text: string): Checked<readonly [number, number, number]> {
  const checked = parseList(text, (item) => {
    if (typeof item !== "number" || !Number.isInteger(item)) return bad({ rule: "is not an integer" });
    return item >= 0 && item <= 65_535 ? good(item) : bad({ rule: "is out of range" });
  });
  if (!checked.ok) return checked;
  const [first, second, third, ...more] = checked.value;
  if (first === undefined || second === undefined || third === undefined || more.length > 0) {
    return bad({ rule: `has ${checked.value.length} items, not three` });
  }
  return good([first, second, third]);
}

/** Checks the text of Email Routing's DKIM record (RFC 6376 §3.6.1). */
export function parseRoutingDkim(text: string): Checked<string> {
  if (text === "") return good(text);
  if (!/^v=DKIM1\s*(;|$)/.test(text)) return bad({ rule: "does not begin with v=DKIM1" });
  if (!/^[\x20-\x7e]+$/.test(text) || text.includes('"'))
    return bad({ rule: "has quotation marks, line breaks or characters outside ASCII" });
  if (!/;\s*p=[A-Za-z0-9+/]+=*\s*(;|$)/.test(text)) return bad({ rule: "has no p= tag with a key" });
  return good(text);
}

export function parseBoolean(text: string): Checked<boolean> {
  return text === "true" || text === "false" ? good(text === "true") : bad({ rule: "is neither true nor false" });
}

/** Checks an API key: one printable word that fits into a header and into an environment file. */
export function parseApiKey(text: string): Checked<Secret> {
  const key = text.trim();
  if (key.includes("PRIVATE KEY") || key.includes("PUBLIC KEY"))
    return bad({ rule: "is a key in PEM form, not an API key" });
  if (!/^[\x21-\x7e]+$/.test(key)) return bad({ rule: "is not one word of printable ASCII" });
  const fault = envValueFault(key);
  return fault === undefined ? good(new Secret(key)) : bad({ rule: fault });
}

/** Checks a password: printable, so that it fits into every client, and long enough that nobody guesses it. */
export function parsePassword(text: string): Checked<Secret> {
  const password = text.replace(/\n$/, "");
  if (!/^[\x20-\x7e]*$/.test(password)) return bad({ rule: "has line breaks or characters outside printable ASCII" });
  if (password !== password.trim()) return bad({ rule: "begins or ends with a space" });
  if (password.length < 12) return bad({ rule: "is shorter than 12 characters" });
  return password.length <= 128 ? good(new Secret(password)) : bad({ rule: "is longer than 128 characters" });
}
