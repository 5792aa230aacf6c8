import type { X509Certificate } from "node:crypto";
import { isFields } from "./plan-line";
import type { CertificatePair } from "./self-signed";
import { nodeCrypto } from "./node-crypto";

/** Traefik's file holds an account and a few certificates. */
export const MAX_ACME_CHARACTERS = 4 * 1024 * 1024;

/** The leaf of a pair, when chain and key belong together and it is for that name; undefined otherwise. */
export function leafFor(name: string, { chain, key }: CertificatePair): X509Certificate | undefined {
  try {
    const leaf = new (nodeCrypto().X509Certificate)(chain);
    return leaf.checkHost(name) !== undefined && leaf.checkPrivateKey(nodeCrypto().createPrivateKey(key))
      ? leaf
      : undefined;
  } catch {
    return undefined;
  }
}

export function isExpired(leaf: X509Certificate, now: Date): boolean {
  return leaf.validToDate.getTime() <= now.getTime();
}

/**
 * The certificate for a name out of Traefik's `acme.json`: of those that are valid now, the one that is valid longest.
 * Undefined for a file that has none, also while Traefik is writing it.
 */
export function fromAcme(text: string, name: string, now: Date): CertificatePair | undefined {
  if (text.length > MAX_ACME_CHARACTERS) return undefined;
  const usable = pairsOf(text).flatMap((pair) => {
    const leaf = leafFor(name, pair);
    return leaf === undefined || isExpired(leaf, now) ? [] : [{ pair, until: leaf.validToDate.getTime() }];
  });
  usable.sort((one, other) => other.until - one.until);
  return usable[0]?.pair;
}

/** Traefik's store: by resolver, then `Certificates[]` with base64 of PEM. */
function pairsOf(text: string): readonly CertificatePair[] {
  let store: unknown;
  try {
    store = JSON.parse(text);
  } catch {
    return [];
  }
  if (!isFields(store)) return [];
  return Object.values(store).flatMap((resolver) => {
    const certificates: unknown = isFields(resolver) ? resolver["Certificates"] : undefined;
    const list: readonly unknown[] = Array.isArray(certificates) ? certificates : [];
    return list.flatMap((item) => {
      const { certificate, key } = isFields(item) ? item : {};
      if (typeof certificate !== "string" || typeof key !== "string") return [];
      return [{ chain: decode(certificate), key: decode(key) }];
    });
  });
}

function decode(base64: string): string {
  return Buffer.from(base64, "base64").toString("utf8");
}
