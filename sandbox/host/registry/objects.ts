import { createPrivateKey, createPublicKey } from "node:crypto";
import { isObject, type Json } from "../json";
import { MASK } from "./credentials";
import { Refusal } from "./patch";
import { fieldsOf, SCHEMA, type FieldType } from "./schema";

export type Stored = ReadonlyMap<string, ReadonlyMap<string, Json>>;

/** Properties of which there is one object each. */
const UNIQUE: Readonly<Record<string, string>> = {
  AllowedIp: "address",
  BlockedIp: "address",
  Domain: "name",
  MtaRoute: "name",
  MtaTlsStrategy: "name",
  NetworkListener: "name",
};

/** Refuses what Stalwart requires and was not given, a name that another object has, and ids of nothing. */
export function checkObject(type: string, id: string | undefined, object: Json, stored: Stored): void {
  const unique = UNIQUE[type];
  if (unique !== undefined) {
    if (object[unique] == null) throw new Refusal("validationFailed", unique, "Property is required");
    for (const [other, value] of stored.get(type) ?? [])
      if (other !== id && value[unique] === object[unique])
        throw new Refusal("primaryKeyViolation", unique, `Another object has the same ${unique}.`);
  }
  if (type === "Account") checkAddresses(id, object, stored);
  if (type === "DkimSignature") publicKeyOf(object);
  for (const { type: target, id: reference } of referencesOf(type, object))
    if (stored.get(target)?.has(reference) !== true)
      throw new Refusal("invalidForeignKey", "", `${target} ${reference} does not exist.`);
}

/** Addresses of an account: its own, then the aliases that are enabled. */
export function addressesOf(account: Json, stored: Stored): readonly string[] {
  const domainOf = (id: unknown) => {
    const name = stored.get("Domain")?.get(String(id))?.["name"];
    return typeof name === "string" ? name : "";
  };
  const aliases = isObject(account["aliases"]) ? Object.values(account["aliases"]).filter(isObject) : [];
  return [account, ...aliases.filter(({ enabled }) => enabled !== false)].map(
    ({ name, domainId }) => `${String(name)}@${domainOf(domainId)}`,
  );
}

function checkAddresses(id: string | undefined, account: Json, stored: Stored): void {
  if (account["name"] == null) throw new Refusal("validationFailed", "name", "Property is required");
  if (account["domainId"] == null) throw new Refusal("validationFailed", "domainId", "Property is required");
  const own = addressesOf(account, stored);
  const twice = own.find((address, index) => own.indexOf(address) !== index);
  const others = [...(stored.get("Account") ?? [])].filter(([other]) => other !== id);
  const taken = own.find((address) => others.some(([, other]) => addressesOf(other, stored).includes(address)));
  if (twice === undefined && taken === undefined) return;
  throw new Refusal("primaryKeyViolation", "email", `${twice ?? taken ?? ""} belongs to an account already.`);
}

/** Objects that would point at nothing if this one went. */
export function linksTo(type: string, id: string, stored: Stored): readonly string[] {
  return [...stored].flatMap(([other, objects]) =>
    [...objects.values()].flatMap((object) =>
      referencesOf(other, object).some((reference) => reference.type === type && reference.id === id) ? [other] : [],
    ),
  );
}

/** Ids that an object holds. Types that the excerpt lacks are left out; nothing here makes such objects. */
function referencesOf(name: string, object: Json): readonly { type: string; id: string }[] {
  const fields = fieldsOf(SCHEMA, name, object["@type"]) ?? {};
  return Object.entries(fields).flatMap(([property, { type }]) => references(type, object[property]));
}

function references(type: FieldType, value: unknown): readonly { type: string; id: string }[] {
  const target = type.objectName ?? "";
  if (value == null) return [];
  switch (type.type) {
    case "objectId":
      return typeof value === "string" && target in SCHEMA.objects ? [{ type: target, id: value }] : [];
    case "object":
      return isObject(value) ? referencesOf(target, value) : [];
    case "objectList":
      return isObject(value)
        ? Object.values(value).flatMap((item) => (isObject(item) ? referencesOf(target, item) : []))
        : [];
    case "set":
      return isObject(value) && type.class !== undefined
        ? Object.keys(value).flatMap((member) => references(type.class as FieldType, member))
        : [];
    default:
      return [];
  }
}

/** As `x:…/get` shows it: secrets masked, computed properties added. */
export function shown(type: string, id: string, object: Json, stored: Stored): Json {
  const computed: Record<string, unknown> = { id };
  if (type === "Account") computed["emailAddress"] = addressesOf(object, stored)[0];
  if (type === "Account") computed["usedDiskQuota"] = 0;
  if (type === "DkimSignature") computed["publicKey"] = publicKeyOf(object);
  return { ...masked(type, object), ...computed };
}

export function masked(name: string, object: Json): Json {
  const fields = fieldsOf(SCHEMA, name, object["@type"]) ?? {};
  return Object.fromEntries(
    Object.entries(object).map(([property, value]) => {
      const type = fields[property]?.type;
      return [property, type === undefined ? value : maskedValue(type, value)];
    }),
  );
}

function maskedValue({ type, format, objectName = "" }: FieldType, value: unknown): unknown {
  if (value == null) return value;
  if (format === "secret" || format === "secretText") return MASK;
  if (type === "object" && isObject(value)) return masked(objectName, value);
  if (type === "objectList" && isObject(value))
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, isObject(item) ? masked(objectName, item) : item]),
    );
  return value;
}

/** Base64 as in the DNS record. Throws a `Refusal` for a key that is none or of another type. */
function publicKeyOf({ "@type": type, privateKey }: Json): string {
  const pem = isObject(privateKey) ? privateKey["secret"] : undefined;
  const refuse = () => new Refusal("invalidProperties", "", "Failed to validate DKIM signature");
  if (typeof pem !== "string") throw refuse();
  let key;
  try {
    key = createPublicKey(createPrivateKey(pem));
  } catch {
    throw refuse();
  }
  const wanted = type === "Dkim1RsaSha256" ? "rsa" : "ed25519";
  if (key.asymmetricKeyType !== wanted) throw refuse();
  if (wanted === "rsa") return key.export({ type: "spki", format: "der" }).toString("base64");
  return Buffer.from(key.export({ format: "jwk" }).x ?? "", "base64url").toString("base64");
}
