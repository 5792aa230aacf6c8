import { generateKeyPairSync } from "node:crypto";

/** RSA public keys as a DKIM record has them. */
const rsaKey = (modulusLength: number) =>
  generateKeyPairSync("rsa", { modulusLength }).publicKey.export({ type: "spki", format: "der" }).toString("base64");
export const RSA_1024 = rsaKey(1024);
export const RSA_2048 = rsaKey(2048);
