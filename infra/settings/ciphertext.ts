import { type Document, isMap, isScalar, type Node, type Pair, visit } from "yaml";
import { quote } from "./fault";
import type { Problem } from "./problem";

/** Pulumi writes an encrypted value as `secure: v1:...` with a passphrase, and as one word of Base64 with Pulumi Cloud. */
const SECURE = "secure";
const PASSPHRASE = "v1:";
/** The section that turns the passphrase into a key. */
export const SALT = "encryptionsalt";

/** Why an encrypted value cannot be decrypted, as far as its form shows. */
export function cipherFault(node: Node | null, hasSalt: boolean): string | undefined {
  let fault: string | undefined;
  const look = ({ key, value }: Pair): symbol | undefined => {
    if (!isScalar(key) || String(key.value).toLowerCase() !== SECURE) return undefined;
    fault = key.value === SECURE ? textFault(value, hasSalt) : `has ${quote(String(key.value))}, which is not secure.`;
    return fault === undefined ? undefined : visit.BREAK;
  };
  if (node !== null) visit(node, { Pair: (_, pair) => look(pair) });
  const items = isMap(node) ? node.items : [];
  if (fault === undefined && items.length > 1 && items.some(({ key }) => isScalar(key) && key.value === SECURE))
    return "has other keys beside secure, so Pulumi reads it as a map that is not encrypted.";
  return fault;
}

function textFault(value: unknown, hasSalt: boolean): string | undefined {
  const text = isScalar(value) && typeof value.value === "string" ? value.value : "";
  if (!/^[A-Za-z0-9+/=_-]+(?::[A-Za-z0-9+/=_-]+)*$/.test(text))
    return "holds something that is not an encrypted value.";
  if (hasSalt && !text.startsWith(PASSPHRASE))
    return "holds something that is not encrypted with the stack's passphrase.";
  return undefined;
}

export function isEncrypted(node: Node | null): boolean {
  return isMap(node) && node.items.length === 1 && node.has(SECURE);
}

/** Encrypted values without the salt that they were encrypted with. */
export function saltProblems(document: Document): readonly Problem[] {
  if (document.has(SALT) || document.has("encryptedkey")) return [];
  const texts: string[] = [];
  visit(document, {
    Pair: (_, { key, value }) => {
      if (isScalar(key) && key.value === SECURE && isScalar(value)) texts.push(String(value.value));
    },
  });
  if (!texts.some((text) => text.startsWith(PASSPHRASE))) return [];
  return [
    {
      key: SALT,
      fact: "The file has encrypted values, but not the encryptionsalt that Pulumi writes beside them.",
      consequence: "Without it nobody can decrypt them, even with the right passphrase.",
      allowed: "the line as it was when the values were encrypted",
      command: "git log -p -- Pulumi.{stack}.yaml",
    },
  ];
}
