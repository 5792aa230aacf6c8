import { createHash } from "node:crypto";

import { bad, type Checked, good, hasInvisible, isAscii } from "./fault";
import { Secret } from "./secret";

/** A Worker's variable holds 5 KB; no service asks for a URL of half that. */
const LONGEST_URL = 2_048;

/** R2 allows 63 characters; of a longer name the rest is replaced by a hash of the domain. */
const LONGEST_BUCKET = 63;
const BUCKET_PREFIX = "mail-spool-";
const HASH_DIGITS = 8;
const WORKER_PREFIX = "mail-inbound-";
/** Cloudflare allows 63; the public Worker's name has a suffix. */
const LONGEST_WORKER_NAME = 56;

/**
 * Checks where alerts are posted: empty for nowhere. What is wrong is said without a word of the value: ntfy topics and
 * Healthchecks addresses are as good as passwords.
 */
export function parseAlertUrl(text: string): Checked<Secret> {
  const url = text.trim();
  if (url === "") return good(new Secret(""));
  if (hasInvisible(url)) return bad({ rule: "contains white space or control characters" });
  if (!isAscii(url)) return bad({ rule: "is not in ASCII" });
  if (url.length > LONGEST_URL) return bad({ rule: `is longer than ${LONGEST_URL} characters` });
  if (!URL.canParse(url)) return bad({ rule: "is no URL" });
  const { protocol, username, password, hash, hostname } = new URL(url);
  if (protocol !== "https:")
    return bad({ rule: "is not an https URL", consequence: "The alert would travel in the clear." });
  if (username !== "" || password !== "")
    return bad({ rule: "has a user name or password", consequence: "A Worker's fetch refuses such a URL." });
  if (hash !== "") return bad({ rule: "has a fragment, which is never sent" });
  if (!hostname.includes(".")) return bad({ rule: "names a host that the internet does not know" });
  return good(new Secret(url));
}

/** Checks an integer between two bounds. */
export function parseWithin(text: string, least: number, most: number): Checked<number> {
  if (!/^\d{1,9}$/.test(text)) return bad({ rule: "is not an integer" });
  const value = Number(text);
  return value >= least && value <= most ? good(value) : bad({ rule: "is out of range" });
}

/**
 * The spool's bucket: the domain with hyphens for dots. A hyphen of the domain becomes two, so that `a-b.org` and
 * `a.b.org` do not share a bucket.
 */
export function bucketName(domain: string): string {
  return nameOf(BUCKET_PREFIX, domain, LONGEST_BUCKET);
}

/** The inbound Worker of a further domain; Workers of one account share their names. */
export function workerNameOf(domain: string): string {
  return nameOf(WORKER_PREFIX, domain, LONGEST_WORKER_NAME);
}

/** A name that no other domain has. */
function nameOf(prefix: string, domain: string, longest: number): string {
  const name = `${prefix}${domain.replaceAll("-", "--").replaceAll(".", "-")}`;
  if (name.length <= longest) return name;
  const hash = createHash("sha256").update(domain).digest("hex").slice(0, HASH_DIGITS);
  return `${name.slice(0, longest - HASH_DIGITS - 1).replace(/-+$/, "")}-${hash}`;
}
