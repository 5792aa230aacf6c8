import { isFields, type Fields } from "./plan-line";
import { nodeCrypto } from "./node-crypto";

/** What Stalwart shows instead of a secret. */
export const MASK = "****";
const SHOWN_CHARACTERS = 160;

/** One field that is not as the plan has it. The texts hold no secret. */
export interface Difference {
  /** `match.0.then` below the object. */
  readonly field: string;
  readonly wanted: string;
  readonly found: string;
}

/** Compares the fields that a plan sets with what the server has; other fields of the object are not the plan's. */
export function differencesOf(wanted: Fields, found: Fields): readonly Difference[] {
  return [
    ...Object.entries(wanted).flatMap(([field, value]) => compare(field, value, found[field])),
    ...publicKeyDifference(wanted, found),
  ];
}

/**
 * Below a field a value is compared as a whole: a member that the plan does not name is one too many. Absent and null
 * are the same.
 */
function compare(field: string, wanted: unknown, found: unknown): readonly Difference[] {
  if (isFields(wanted) && isFields(found)) {
    const keys = new Set([...Object.keys(wanted), ...Object.keys(found)]);
    return [...keys].flatMap((key) => compare(`${field}.${key}`, wanted[key], found[key]));
  }
  if (isSecret(field) && typeof wanted === "string") {
    // A masked secret is there; whether it is the right one, only a new application of the plan can ensure.
    return found === MASK ? [] : [{ field, wanted: "a secret", found: found === undefined ? "none" : "another one" }];
  }
  const same = wanted === found || ((wanted ?? null) === null && (found ?? null) === null);
  return same ? [] : [{ field, wanted: show(wanted), found: show(found) }];
}

/** The private key is masked, but Stalwart derives the public half for its DNS records, and so can we. */
function publicKeyDifference(wanted: Fields, found: Fields): readonly Difference[] {
  const key = wanted["privateKey"];
  const pem = isFields(key) ? key["secret"] : undefined;
  const shown = found["publicKey"];
  if (typeof pem !== "string" || typeof shown !== "string") return [];
  const field = "publicKey";
  const expected = publicKeyOf(pem);
  return expected === shown ? [] : [{ field, wanted: show(expected), found: show(shown) }];
}

/** As in the DNS record: SubjectPublicKeyInfo for RSA (RFC 6376), the raw 32 bytes for Ed25519 (RFC 8463). */
function publicKeyOf(pem: string): string {
  const key = nodeCrypto().createPublicKey(nodeCrypto().createPrivateKey(pem));
  if (key.asymmetricKeyType !== "ed25519") return key.export({ type: "spki", format: "der" }).toString("base64");
  return Buffer.from(key.export({ format: "jwk" }).x ?? "", "base64url").toString("base64");
}

function isSecret(field: string): boolean {
  return /(^|\.)secret$/.test(field);
}

/** JSON of a value, cut; secrets left out wherever they are. */
export function show(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = JSON.stringify(value, (key, item: unknown) => (key === "secret" ? MASK : item));
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}
