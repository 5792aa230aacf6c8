import { createPublicKey } from "node:crypto";

import { tagsOf } from "./tags";

/** RFC 8301 section 3.2: a signer uses 2048 bits at least, a verifier takes 1024. */
export const SIGNER_BITS = 2048;
export const VERIFIER_BITS = 1024;
const ED25519_BYTES = 32;

/**
 * What a verifier could not use in a DKIM key record (RFC 6376 section 3.6.1, RFC 8463); empty when it is fine.
 *
 * @param leastBits of an RSA key
 */
export function dkimFaults(text: string, leastBits: number): readonly string[] {
  const tags = tagsOf(text);
  if (tags === undefined) return ["it is no list of tags, or has one twice"];
  const version = tags.get("v") ?? "DKIM1";
  const key = tags.get("p");
  const faults: string[] = [];
  if (version !== "DKIM1") faults.push(`v=${version} is not DKIM1`);
  if (tags.has("v") && [...tags.keys()][0] !== "v") faults.push("v is not the first tag");
  if (tags.has("h") && !/(^|:)\s*sha256\s*(:|$)/.test(tags.get("h") ?? "")) faults.push("h does not allow sha256");
  if (/(^|:)\s*y\s*(:|$)/.test(tags.get("t") ?? "")) faults.push("t=y says that the domain only tries DKIM");
  if (key === undefined) return [...faults, "it has no key (p)"];
  if (key === "") return [...faults, "its key is revoked (p is empty)"];
  const fault = keyFault(tags.get("k") ?? "rsa", Buffer.from(key.replace(/\s/g, ""), "base64"), leastBits);
  return fault === undefined ? faults : [...faults, fault];
}

function keyFault(kind: string, bytes: Buffer, leastBits: number): string | undefined {
  if (kind === "ed25519")
    return bytes.length === ED25519_BYTES
      ? undefined
      : `its Ed25519 key has ${bytes.length} bytes, not ${ED25519_BYTES}`;
  if (kind !== "rsa") return `k=${kind} is no kind of key that verifiers know`;
  try {
    const { asymmetricKeyDetails, asymmetricKeyType } = createPublicKey({ key: bytes, format: "der", type: "spki" });
    if (asymmetricKeyType !== "rsa") return "its key is no RSA key";
    const bits = asymmetricKeyDetails?.modulusLength ?? 0;
    return bits < leastBits ? `its RSA key has ${bits} bits, fewer than ${leastBits}` : undefined;
  } catch {
    return "its key cannot be read";
  }
}
