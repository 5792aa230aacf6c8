import { createHash, createSign, generateKeyPairSync } from "node:crypto";

import { type Answer, type DnskeyData, encode } from "dns-packet";

import { type LabZone, TTL, type ZoneKey } from "./zone";

/** ECDSA P-256, as Cloudflare signs (RFC 6605). */
export function newKey(): ZoneKey {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const { x = "", y = "" } = publicKey.export({ format: "jwk" });
  const key = Buffer.concat([Buffer.from(x, "base64url"), Buffer.from(y, "base64url")]);
  return { privateKey, data: { flags: 257, algorithm: 13, key } };
}

/** The DS record that belongs to a key. */
export function dsOf(zone: string, { data }: ZoneKey): Answer {
  const rdata = Buffer.concat([Buffer.from([data.flags >> 8, data.flags & 255, 3, data.algorithm]), data.key]);
  const name = Buffer.concat([
    ...zone.split(".").map((label) => Buffer.from([label.length, ...Buffer.from(label)])),
    Buffer.from([0]),
  ]);
  const digest = createHash("sha256").update(name).update(rdata).digest();
  return { type: "DS", name: zone, ttl: TTL, data: { keyTag: tagOf(data), algorithm: 13, digestType: 2, digest } };
}

/** RFC 4034 section 3.1.8.1, for names in lower case. */
export function signature(zone: LabZone, { privateKey, data }: ZoneKey, set: readonly Answer[]): Answer {
  const [first] = set;
  if (!first) throw new Error("nothing to sign");
  const now = Math.floor(Date.now() / 1000);
  const rrsig = {
    typeCovered: first.type,
    algorithm: data.algorithm,
    labels: first.name === "." ? 0 : first.name.split(".").length,
    originalTTL: TTL,
    inception: now + zone.valid.from,
    expiration: now + zone.valid.to,
    keyTag: tagOf(data),
    signersName: zone.name || ".",
    signature: Buffer.alloc(0),
  };
  const record: Answer = { type: "RRSIG", name: first.name, ttl: TTL, data: rrsig };
  const owner = first.name === "." ? 1 : Buffer.byteLength(first.name) + 2;
  const head = encode({ answers: [record] }).subarray(12 + owner + 10);
  const wires = set.map((answer) => encode({ answers: [answer] }).subarray(12)).sort((a, b) => Buffer.compare(a, b));
  const signed = createSign("sha256")
    .update(Buffer.concat([head, ...wires]))
    .sign({ key: privateKey, dsaEncoding: "ieee-p1363" });
  return { ...record, data: { ...rrsig, signature: signed } };
}

function tagOf({ flags, algorithm, key }: DnskeyData): number {
  const rdata = Buffer.concat([Buffer.from([flags >> 8, flags & 255, 3, algorithm]), key]);
  const sum = rdata.reduce((total, byte, index) => total + (index % 2 === 0 ? byte * 256 : byte), 0);
  return (sum + Math.floor(sum / 65_536)) % 65_536;
}
