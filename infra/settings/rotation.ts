import { type SelectorRules, parseSelector } from "./dkim";
import { bad, type Checked, good } from "./fault";
import { Secret } from "./secret";
import { parseWithin } from "./spool";

/** A public key that is in DNS and with which nothing is signed (yet, or any more). */
export interface PublishedKey {
  readonly selector: string;
  readonly algorithm: "rsa" | "ed25519";
  /** As the record's `p=` has it. */
  readonly publicKey: string;
}

/** Cloudflare asks for at least 32 bytes. */
const TUNNEL_SECRET_BYTES = { least: 32, most: 128 };
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** Checks `selector:algorithm:key` items with spaces between; the inverse of {@link publishedText}. */
export function parsePublished(text: string, { domain, taken }: SelectorRules): Checked<readonly PublishedKey[]> {
  const keys: PublishedKey[] = [];
  const known = new Map(taken);
  for (const [index, item] of text.split(/\s+/).filter(Boolean).entries()) {
    const [selector = "", algorithm, publicKey = "", ...more] = item.split(":");
    const at = { index, text: item };
    if ((algorithm !== "rsa" && algorithm !== "ed25519") || !BASE64.test(publicKey) || more.length > 0)
      return bad({ rule: "has an item that is not selector:rsa:KEY or selector:ed25519:KEY", item: at });
    const checked = parseSelector(selector, { domain, taken: known });
    if (!checked.ok) return bad(...checked.faults.map((fault) => ({ ...fault, item: at })));
    known.set(selector, "another key of this list");
    keys.push({ selector, algorithm, publicKey });
  }
  return good(keys);
}

export function publishedText(keys: readonly PublishedKey[]): string {
  return keys.map(({ selector, algorithm, publicKey }) => [selector, algorithm, publicKey].join(":")).join(" ");
}

/** Checks the number of the token or key that is kept beside the present one; 0 is none. */
export function parseKept(text: string, present: number | undefined): Checked<number> {
  const checked = parseWithin(text, 0, 9_999);
  if (!checked.ok || checked.value === 0 || checked.value !== present) return checked;
  return bad({ rule: "is the number of the present one", mend: "0" });
}

export function parseTunnelSecret(text: string): Checked<Secret> {
  const secret = text.trim();
  const { least, most } = TUNNEL_SECRET_BYTES;
  if (secret === "") return good(new Secret(""));
  if (!BASE64.test(secret)) return bad({ rule: "is not base64" });
  const { length } = Buffer.from(secret, "base64");
  return length < least || length > most ? bad({ rule: `is ${length} bytes long` }) : good(new Secret(secret));
}
