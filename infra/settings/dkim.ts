import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { bad, type Checked, type Fault, good } from "./fault";
import { Secret } from "./secret";

/** RFC 8301 §3.2: signers use at least 1024 and should use 2048 bits; verifiers need not take more than 4096. */
const RSA_BITS = { least: 2048, most: 4096 };

/** Email Routing's own DKIM selector in every zone; its record is locked. */
const EMAIL_ROUTING_SELECTOR = "cf2024-1";

export interface SelectorRules {
  readonly domain: string | undefined;
  /** Selectors that are already used, each with what uses it. */
  readonly taken: ReadonlyMap<string, string>;
}

/** Checks a DKIM selector: one label of letters, digits and hyphens (RFC 6376 §3.1), used by nobody else. */
export function parseSelector(text: string, { domain, taken }: SelectorRules): Checked<string> {
  if (/[A-Z]/.test(text) && isLabel(text.toLowerCase())) {
    return bad({ rule: "has upper case letters", mend: text.toLowerCase() });
  }
  if (!isLabel(text)) return bad({ rule: "is not one DNS label" });
  if (text === EMAIL_ROUTING_SELECTOR) {
    return bad({
      rule: "is the selector of Cloudflare Email Routing's own key",
      consequence: "Its record is locked by Cloudflare.",
    });
  }
  const user = taken.get(text);
  if (user !== undefined) return bad({ rule: `is already the selector of ${user}` });
  if (`${text}._domainkey.${domain ?? ""}`.length > 253)
    return bad({ rule: "makes the record's name longer than 253 characters" });
  return good(text);
}

function isLabel(text: string): boolean {
  return /^(?!-)[a-z0-9-]{1,63}(?<!-)$/.test(text);
}

/** A DKIM key pair's halves; `publicKey` is the base64 of the record's `p=`. */
export interface DkimPair {
  readonly privateKey: Secret;
  readonly publicKey: string;
}

/** Checks an RSA DKIM private key. The public half is SubjectPublicKeyInfo, DER, base64 (RFC 6376 §3.6.1). */
export function parseRsaKey(text: string): Checked<DkimPair> {
  const key = privateKeyOf(text);
  if ("rule" in key) return bad(key);
  if (key.asymmetricKeyType !== "rsa") return bad(wrongType(key, "RSA"));
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (bits < RSA_BITS.least) {
    return bad({
      rule: `is an RSA key of ${bits} bits, too few`,
      consequence: "Large receivers ignore signatures by short keys (RFC 8301).",
    });
  }
  if (bits > RSA_BITS.most) {
    return bad({
      rule: `is an RSA key of ${bits} bits, too many`,
      consequence: "Verifiers need not support it (RFC 8301), and the record gets long.",
    });
  }
  const publicKey = createPublicKey(key).export({ type: "spki", format: "der" }).toString("base64");
  return good({ privateKey: new Secret(normalLines(text)), publicKey });
}

/** Checks an Ed25519 DKIM private key. The public half is the 32 raw bytes, base64, not SPKI (RFC 8463 §4.2). */
export function parseEd25519Key(text: string): Checked<DkimPair> {
  const key = privateKeyOf(text);
  if ("rule" in key) return bad(key);
  if (key.asymmetricKeyType !== "ed25519") return bad(wrongType(key, "Ed25519"));
  const { x } = createPublicKey(key).export({ format: "jwk" });
  if (x === undefined) return bad({ rule: "has no public half" });
  return good({ privateKey: new Secret(normalLines(text)), publicKey: Buffer.from(x, "base64url").toString("base64") });
}

/** Reads an unencrypted PEM private key (RFC 7468); what is wrong otherwise, without a word of the text. */
export function privateKeyOf(text: string): KeyObject | Fault {
  const pem = normalLines(text);
  if (/^-----BEGIN [A-Z ]*PUBLIC KEY-----/m.test(pem) || /^(ssh|ecdsa)-\S+ AAAA/.test(pem)) {
    return { rule: "is a public key, not a private key" };
  }
  if (/^-----BEGIN CERTIFICATE-----/.test(pem)) return { rule: "is a certificate, not a private key" };
  if (/^-----BEGIN ENCRYPTED PRIVATE KEY-----/m.test(pem) || /^Proc-Type: 4,ENCRYPTED/m.test(pem)) {
    return {
      rule: "is a private key encrypted with a passphrase",
      consequence: "Nothing on the way could decrypt it.",
    };
  }
  if (pem.includes("-----BEGIN OPENSSH PRIVATE KEY-----")) return { rule: "is a key in OpenSSH's own form, not PEM" };
  if (!/^-----BEGIN [A-Z ]*PRIVATE KEY-----$/m.test(pem)) {
    const escaped = pem.includes("\\n") ? " (it has \\n where line breaks belong)" : "";
    return { rule: `is no private key in PEM form${escaped}` };
  }
  try {
    return createPrivateKey(pem);
  } catch {
    return { rule: "is a PEM block that holds no readable private key" };
  }
}

/** Line feeds only and one at the end, so that the same key always is the same text. */
export function normalLines(text: string): string {
  return `${text.replaceAll("\r\n", "\n").trim()}\n`;
}

function wrongType(key: KeyObject, wanted: string): Fault {
  return { rule: `is a key of type ${key.asymmetricKeyType ?? "unknown"}, not ${wanted}` };
}
