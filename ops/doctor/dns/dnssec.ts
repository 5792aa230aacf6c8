import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto";

import { type Answer, type DnskeyData, encode, type RrsigData } from "dns-packet";

/** A record set as one server sent it, with its signatures. */
export interface SignedSet {
  readonly name: string;
  readonly type: string;
  readonly records: readonly Answer[];
  readonly signatures: readonly RrsigData[];
}

/** One DS record (RFC 4034 section 5.1). */
export interface DelegationSigner {
  readonly keyTag: number;
  readonly algorithm: number;
  readonly digestType: number;
  readonly digest: Buffer;
}

/** Without compression a record begins after the header. */
const HEADER_BYTES = 12;
const DIGESTS: Readonly<Record<number, string>> = { 1: "sha1", 2: "sha256", 4: "sha384" };
/** RFC 8624 section 3.1: what a validator must know, and what Cloudflare signs with (13). */
const RSA_SHA256 = 8;
const RSA_SHA512 = 10;
const ECDSA_P256 = 13;
const ECDSA_P384 = 14;
const ED25519 = 15;
const ZONE_KEY = 0x100;

/** RFC 4034 appendix B. */
export function keyTag(key: DnskeyData): number {
  const rdata = keyData(key);
  let sum = 0;
  rdata.forEach((byte, index) => (sum += index % 2 === 0 ? byte << 8 : byte));
  return (sum + (sum >>> 16)) & 0xffff;
}

/** Whether the DS record is the digest of this key under this name (RFC 4034 section 5.1.4). */
export function isDigestOf(ds: DelegationSigner, zone: string, key: DnskeyData): boolean {
  const hash = DIGESTS[ds.digestType];
  if (hash === undefined || ds.algorithm !== key.algorithm || ds.keyTag !== keyTag(key)) return false;
  return createHash(hash).update(nameData(zone)).update(keyData(key)).digest().equals(ds.digest);
}

/**
 * Why a record set is not validly signed by one of the keys at that time (RFC 4035 section 5.3), or undefined. An
 * algorithm or key that this program cannot read counts as no signature.
 */
export function signatureFault(
  set: SignedSet,
  zone: string,
  keys: readonly DnskeyData[],
  now: Date,
): string | undefined {
  if (set.records.length === 0) return `there is no ${set.type} record`;
  if (set.signatures.length === 0) return `${set.type} has no signature`;
  const faults = set.signatures.map((signature) => faultOf(set, zone, signature, keys, now));
  return faults.includes(undefined) ? undefined : faults[0];
}

function faultOf(
  set: SignedSet,
  zone: string,
  signature: RrsigData,
  keys: readonly DnskeyData[],
  now: Date,
): string | undefined {
  const seconds = now.getTime() / 1000;
  const of = `the signature of ${set.type} by key ${signature.keyTag}`;
  if (signature.signersName.toLowerCase().replace(/\.$/, "") !== zone) return `${of} is not the zone's own`;
  if (seconds > signature.expiration) return `${of} expired at ${iso(signature.expiration)}`;
  if (seconds < signature.inception) return `${of} is valid only from ${iso(signature.inception)}`;
  const candidates = keys.filter(
    (key) => (key.flags & ZONE_KEY) !== 0 && key.algorithm === signature.algorithm && keyTag(key) === signature.keyTag,
  );
  if (candidates.length === 0) return `${of} has no such key in the zone`;
  const data = signedData(set, signature);
  return candidates.some((key) => isSignedBy(key, data, signature.signature)) ? undefined : `${of} is wrong`;
}

/** RFC 4034 section 3.1.8.1: the signature's own fields, then the records in canonical form and order. */
function signedData(set: SignedSet, signature: RrsigData): Buffer {
  const labels = set.name.split(".");
  const owner = labels.length > signature.labels ? ["*", ...labels.slice(-signature.labels)].join(".") : set.name;
  const own = rdata({
    type: "RRSIG",
    name: ".",
    data: { ...signature, signersName: signature.signersName.toLowerCase(), signature: Buffer.alloc(0) },
  });
  const records = set.records
    .map((record) => wire({ ...canonical(record), name: owner, ttl: signature.originalTTL } as Answer))
    .sort((a, b) => Buffer.compare(a, b));
  return Buffer.concat([own, ...records]);
}

/** Lower-case host names within the data (RFC 4034 section 6.2, RFC 6840 section 5.1). */
function canonical(record: Answer): Answer {
  switch (record.type) {
    case "NS":
    case "CNAME":
      return { ...record, data: record.data.toLowerCase() };
    case "MX":
      return { ...record, data: { ...record.data, exchange: record.data.exchange.toLowerCase() } };
    case "SRV":
      return { ...record, data: { ...record.data, target: record.data.target.toLowerCase() } };
    case "SOA":
      return {
        ...record,
        data: { ...record.data, mname: record.data.mname.toLowerCase(), rname: record.data.rname.toLowerCase() },
      };
    default:
      return record;
  }
}

function isSignedBy(key: DnskeyData, data: Buffer, signature: Buffer): boolean {
  try {
    const publicKey = publicKeyOf(key);
    const hash = { [RSA_SHA256]: "sha256", [RSA_SHA512]: "sha512", [ECDSA_P256]: "sha256", [ECDSA_P384]: "sha384" }[
      key.algorithm
    ];
    return verify(hash, data, { key: publicKey, dsaEncoding: "ieee-p1363" }, signature);
  } catch {
    return false;
  }
}

/** RFC 3110 section 2, RFC 6605 section 4, RFC 8080 section 3. */
function publicKeyOf({ algorithm, key }: DnskeyData): KeyObject {
  const part = (from: number, to?: number) => key.subarray(from, to).toString("base64url");
  switch (algorithm) {
    case RSA_SHA256:
    case RSA_SHA512: {
      const isLong = key[0] === 0;
      const start = isLong ? 3 : 1;
      const end = start + (isLong ? key.readUInt16BE(1) : (key[0] ?? 0));
      return createPublicKey({ key: { kty: "RSA", e: part(start, end), n: part(end) }, format: "jwk" });
    }
    case ECDSA_P256:
      return createPublicKey({ key: { kty: "EC", crv: "P-256", x: part(0, 32), y: part(32) }, format: "jwk" });
    case ECDSA_P384:
      return createPublicKey({ key: { kty: "EC", crv: "P-384", x: part(0, 48), y: part(48) }, format: "jwk" });
    case ED25519:
      return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: part(0) }, format: "jwk" });
    default:
      throw new Error(`algorithm ${algorithm} is not known here`);
  }
}

function keyData(key: DnskeyData): Buffer {
  return rdata({ type: "DNSKEY", name: ".", data: key });
}

/** The wire form of a name: lower case, not compressed. */
function nameData(name: string): Buffer {
  return rdata({ type: "NS", name: ".", data: name.toLowerCase() });
}

/** The data of a record of the root: behind one byte of name, type, class, TTL and length. */
function rdata(record: Answer): Buffer {
  return wire(record).subarray(1 + 2 + 2 + 4 + 2);
}

function wire(record: Answer): Buffer {
  return encode({ type: "response", answers: [record] }).subarray(HEADER_BYTES);
}

function iso(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}
