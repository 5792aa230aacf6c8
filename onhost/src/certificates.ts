import { fromAcme, isExpired, leafFor } from "./acme";
import { Fault } from "./fault";
import type { Registry } from "./registry";
import { selfSigned, type CertificatePair } from "./self-signed";
import { PUBLIC_MODE, readIfThere, SECRET_MODE, writeDurably } from "./store";

/** Places of the files. */
export interface CertificateFiles {
  /** Traefik's `acme.json`; need not be there. */
  readonly acme: string;
  readonly chain: string;
  readonly key: string;
}

/**
 * Hands Traefik's certificate on to Stalwart's files; a self-signed one where there is none that is valid. There always
 * is one that is valid, because Stalwart deletes a certificate that has expired and does not take it up again. True when
 * the files changed.
 */
export function updateCertificates(name: string, files: CertificateFiles, now: Date): boolean {
  const present = presentPair(files);
  const leaf = present === undefined ? undefined : leafFor(name, present);
  const isUsable = leaf !== undefined && !isExpired(leaf, now);
  const best = fromAcme(readIfThere(files.acme) ?? "", name, now) ?? (isUsable ? present : selfSigned(name, now));
  if (best === undefined || (best.chain === present?.chain && best.key === present.key)) return false;
  // Stalwart reads the two when it is told to, which is after both.
  writeDurably(files.key, best.key, SECRET_MODE);
  writeDurably(files.chain, best.chain, PUBLIC_MODE);
  return true;
}

function presentPair(files: CertificateFiles): CertificatePair | undefined {
  const chain = readIfThere(files.chain);
  const key = readIfThere(files.key);
  return chain === undefined || key === undefined ? undefined : { chain, key };
}

/** Makes Stalwart read the certificate files again. Throws a `Fault` when it cannot use them. */
export async function reloadCertificates(registry: Registry): Promise<void> {
  const { refused } = await registry.set("Action", { create: { reload: { "@type": "ReloadTlsCertificates" } } });
  const refusal = refused["reload"];
  if (refusal === undefined) return;
  throw new Fault(
    `Stalwart cannot use its certificate files: ${refusal.description || refusal.type}.`,
    "Mail clients get no valid certificate; inbound mail does not need one.",
    "Look at stalwart/tls and at Traefik's log: docker compose -p mail-stack logs --tail 50 traefik",
  );
}
