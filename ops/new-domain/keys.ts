import { generateKeyPairSync, randomBytes } from "node:crypto";

/** RFC 8301 section 3.2; longer keys make records that some resolvers lose. */
const RSA_BITS = 2_048;
const PASSWORD_BYTES = 18;

export type Algorithm = "rsa" | "ed25519";

/** A DKIM private key as PEM (PKCS #8). It exists in this process only, until it is encrypted into the stack file. */
export function dkimPrivateKey(algorithm: Algorithm): string {
  const { privateKey } =
    algorithm === "rsa" ? generateKeyPairSync("rsa", { modulusLength: RSA_BITS }) : generateKeyPairSync("ed25519");
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

/** `202611r`: the month in which the key was made, and its kind. */
export function selector(algorithm: Algorithm, now: Date): string {
  return `${now.toISOString().slice(0, 7).replace("-", "")}${algorithm === "rsa" ? "r" : "e"}`;
}

/** Has a digit and a sign, which Stalwart's strength check counts. */
export function password(): string {
  return `${randomBytes(PASSWORD_BYTES).toString("base64url")}-7`;
}
