import { createHash, randomBytes } from "node:crypto";
import { isObject, type Json } from "../json";
import { Refusal } from "./patch";

export const MASK = "****";
const MIN_PASSWORD_CHARACTERS = 8;
/** A stand-in for zxcvbn's strength 3: enough different characters, and not all of one kind. */
const MIN_DIFFERENT_CHARACTERS = 6;
export const MAX_API_KEYS = 5;
const KEY_BYTES = 32;
const HASHED = "sha256:";

/** Credentials in their order, as the account has them. */
export function credentialsOf(account: Json): readonly Json[] {
  const { credentials } = account;
  return isObject(credentials) ? Object.values(credentials).filter(isObject) : [];
}

/**
 * Checks the credentials that a change of an account would leave, and hashes what is new. Keys and app passwords come
 * into being by their own methods; leaving them out of a replaced list takes them away.
 */
export function withCheckedCredentials(before: Json | undefined, account: Json): Json {
  if (account["@type"] !== "User") return account;
  const old = new Map(credentialsOf(before ?? {}).map((credential) => [credential["credentialId"], credential]));
  let lastId = Math.max(0, ...[...old.keys()].map(Number));
  let hasPassword = credentialsOf(account).some(
    (credential) => credential["@type"] === "Password" && old.has(credential["credentialId"]),
  );
  const checked = credentialsOf(account).map((credential) => {
    const known = credential["credentialId"] === null ? undefined : old.get(credential["credentialId"]);
    if (known !== undefined) return changed(known, credential);
    if (credential["@type"] !== "Password")
      throw refuse("credentials", "Secondary credentials cannot be set directly.");
    if (hasPassword) throw refuse("credentials", "Only one password credential is allowed.");
    hasPassword = true;
    lastId += 1;
    return { ...credential, credentialId: String(lastId), secret: hashed(strong(credential["secret"])) };
  });
  return { ...account, credentials: listed(checked) };
}

function changed(known: Json, credential: Json): Json {
  const { secret } = credential;
  if (secret === known["secret"] || secret === MASK) return { ...credential, secret: known["secret"] };
  if (credential["@type"] !== "Password")
    throw new Refusal("forbidden", "", "Cannot change app password or API credentials through this method.");
  return { ...credential, secret: hashed(strong(secret)) };
}

/** Adds a key; its secret is shown this once. */
export function withApiKey(account: Json, accountId: string, key: Json): { account: Json; id: string; secret: string } {
  const credentials = credentialsOf(account);
  if (credentials.filter((credential) => credential["@type"] === "ApiKey").length >= MAX_API_KEYS)
    throw new Refusal("overQuota", "", `You have exceeded your quota of ${MAX_API_KEYS} API keys.`);
  const id = String(Math.max(0, ...credentials.map((credential) => Number(credential["credentialId"]))) + 1);
  const secret = `API_${Buffer.concat([Buffer.from(`${accountId}:${id}:`), randomBytes(KEY_BYTES)]).toString("base64url")}`;
  const added = { ...key, "@type": "ApiKey", credentialId: id, secret: hashed(secret) };
  return { account: { ...account, credentials: listed([...credentials, added]) }, id, secret };
}

/** A key with other properties; its secret stays. */
export function withChangedApiKey(account: Json, id: string, change: (key: Json) => Json): Json {
  const credentials = credentialsOf(account);
  if (!credentials.some(({ credentialId }) => credentialId === id))
    throw new Refusal("notFound", "", "Object not found.");
  const changed = credentials.map((credential) =>
    credential["credentialId"] === id
      ? { ...change(credential), ...{ "@type": "ApiKey", credentialId: id, secret: credential["secret"] } }
      : credential,
  );
  return { ...account, credentials: listed(changed) };
}

export function withoutApiKey(account: Json, id: string): Json {
  const kept = credentialsOf(account).filter(
    (credential) => credential["credentialId"] !== id || credential["@type"] === "Password",
  );
  if (kept.length === credentialsOf(account).length) throw new Refusal("notFound", "", "Object not found.");
  return { ...account, credentials: listed(kept) };
}

/** The credential of that kind with that secret. */
export function credentialWith(account: Json, kind: "Password" | "ApiKey", secret: string): Json | undefined {
  const wanted = hashed(secret);
  return credentialsOf(account).find((credential) => credential["@type"] === kind && credential["secret"] === wanted);
}

function listed(credentials: readonly Json[]): Json {
  return Object.fromEntries(credentials.map((credential, index) => [String(index), credential]));
}

function strong(secret: unknown): string {
  if (typeof secret !== "string" || secret.length < MIN_PASSWORD_CHARACTERS)
    throw refuse("secret", `Password must be at least ${MIN_PASSWORD_CHARACTERS} characters long.`);
  if (new Set(secret).size < MIN_DIFFERENT_CHARACTERS || /^([a-z]+|\d+)$/i.test(secret))
    throw refuse("secret", "Password is too weak. Add another word or two.");
  return secret;
}

function hashed(secret: string): string {
  return `${HASHED}${createHash("sha256").update(secret).digest("hex")}`;
}

function refuse(property: string, description: string): Refusal {
  return new Refusal("invalidProperties", property, description);
}
