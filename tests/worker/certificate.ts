import { generateKeyPairSync, sign } from "node:crypto";

export interface Certificate {
  /** PEM. */
  readonly key: string;
  readonly cert: string;
}

const SEQUENCE = 0x30;
const SET = 0x31;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const OBJECT_ID = 0x06;
const UTF8_STRING = 0x0c;
const UTC_TIME = 0x17;
const DNS_NAME = 0x82;
const VERSION = 0xa0;
const EXTENSIONS = 0xa3;

const COMMON_NAME = "550403";
const SUBJECT_ALT_NAME = "551d11";
const ECDSA_WITH_SHA256 = "2a8648ce3d040302";

/** A certificate that vouches for itself (RFC 5280), of a DNS name, valid from 2020 to 2049. */
export function selfSigned(hostname: string): Certificate {
  return certificate([hostname], hostname, new Date("2020-01-01"), new Date("2049-01-01"));
}

/** One that names an authority as its issuer; nobody checks the signature, which is of its own key. */
export function issued(hostnames: readonly [string, ...string[]], from: Date, to: Date): Certificate {
  return certificate(hostnames, "An authority", from, to);
}

function certificate(hostnames: readonly [string, ...string[]], issuer: string, from: Date, to: Date): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const algorithm = der(SEQUENCE, objectId(ECDSA_WITH_SHA256));
  const name = (text: string) =>
    der(SEQUENCE, der(SET, der(SEQUENCE, objectId(COMMON_NAME), der(UTF8_STRING, Buffer.from(text)))));
  const validity = der(SEQUENCE, time(from), time(to));
  const names = der(OCTET_STRING, der(SEQUENCE, ...hostnames.map((hostname) => der(DNS_NAME, Buffer.from(hostname)))));
  const contents = der(
    SEQUENCE,
    der(VERSION, der(INTEGER, Buffer.from([2]))),
    der(INTEGER, Buffer.from([1])),
    algorithm,
    name(issuer),
    validity,
    name(hostnames[0]),
    publicKey.export({ type: "spki", format: "der" }),
    der(EXTENSIONS, der(SEQUENCE, der(SEQUENCE, objectId(SUBJECT_ALT_NAME), names))),
  );
  const signature = der(BIT_STRING, Buffer.from([0]), sign("sha256", contents, privateKey));
  const base64 = der(SEQUENCE, contents, algorithm, signature).toString("base64").replace(/.{64}/g, "$&\n");
  return {
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`,
  };
}

/** Tag, length and contents (X.690). */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const contents = Buffer.concat(parts);
  const { length } = contents;
  const long = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...long]), contents]);
}

function objectId(hex: string): Buffer {
  return der(OBJECT_ID, Buffer.from(hex, "hex"));
}

/** `YYMMDDHHMMSSZ`: until 2049. */
function time(date: Date): Buffer {
  const digits = date.toISOString().replace(/\.\d+|[-:T]/g, "");
  return der(UTC_TIME, Buffer.from(digits.slice(2)));
}
