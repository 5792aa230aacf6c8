import { isIP } from "node:net";
import { isObject, type Json } from "../json";
import { expressionFault } from "./expression";
import { fieldsOf, SCHEMA, type FieldType, type SchemaField } from "./schema";

/** Refuses a value as Stalwart does: a SetError's type, the property, a sentence. */
export class Refusal extends Error {
  constructor(
    readonly type: string,
    readonly property: string,
    description: string,
  ) {
    super(description);
  }

  toJSON(): Json {
    if (this.type === "validationFailed" && this.property !== "")
      return { type: this.type, validationErrors: [{ type: "Invalid", property: this.property, value: this.message }] };
    const properties = this.property === "" ? {} : { properties: [this.property] };
    return { type: this.type, description: this.message, ...properties };
  }
}

/** A new object with its defaults, then what was sent. */
export function created(object: string, value: Json): Json {
  const blank = defaultsOf(object, value["@type"]);
  return merged(object, blank, value, "create");
}

/**
 * A stored object with a patch. Keys are properties or pointers (`credentials/0/secret`). An object is merged into the
 * stored one; lists, sets and maps are replaced. Another `@type` starts from that variant's defaults.
 */
export function updated(object: string, stored: Json, patch: Json): Json {
  const type = patch["@type"];
  if (type !== undefined && type !== stored["@type"]) return created(object, patch);
  return merged(object, stored, patch, "update");
}

/** An object as if nothing had been said about it. */
export function defaultsOf(name: string, variant: unknown): Json {
  const fields = fieldsOf(SCHEMA, name, variant);
  if (fields === undefined) throw new Refusal("invalidPatch", "", "Missing or invalid '@type' property in object");
  const values = Object.entries(fields).map(([property, field]) => [property, defaultOf(field)] as const);
  return { ...(isVariant(name) ? { "@type": variant } : {}), ...Object.fromEntries(values) };
}

export function isVariant(name: string): boolean {
  return "variants" in (SCHEMA.schemas[name] ?? {});
}

function defaultOf({ type, default: value }: SchemaField): unknown {
  if (value !== undefined) return expanded(type, value);
  switch (type.type) {
    case "objectList":
    case "set":
    case "map":
      return {};
    case "boolean":
      return false;
    case "object":
      return nestedDefault(type);
    default:
      return null;
  }
}

/** Variants begin with their first one, as the enumerations of the server do. */
function nestedDefault({ objectName = "", nullable }: FieldType): unknown {
  if (nullable === true) return null;
  const schema = SCHEMA.schemas[objectName];
  if (schema === undefined) return null;
  return defaultsOf(objectName, "variants" in schema ? Object.keys(schema.variants)[0] : undefined);
}

/** The schema's short forms of defaults, in full: `{"default": "200"}`, a list of conditions, `"1d"`. */
function expanded(type: FieldType, value: unknown): unknown {
  if (type.objectName === "Expression" && isObject(value)) {
    const match: unknown = value["match"];
    const items: readonly unknown[] = Array.isArray(match) ? match : [];
    return {
      match: Object.fromEntries(items.map((item, index) => [String(index), item])),
      else: value["else"] ?? value["default"],
    };
  }
  if (type.objectName === "Rate" && isObject(value)) return { ...value, period: milliseconds(value["period"]) };
  return value;
}

function milliseconds(period: unknown): unknown {
  const units: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  const [, count, unit = ""] = typeof period === "string" ? (/^(\d+)([smhd])$/.exec(period) ?? []) : [];
  return count === undefined ? period : Number(count) * (units[unit] ?? 1);
}

type Occasion = "create" | "update";

function merged(name: string, stored: Json, patch: Json, occasion: Occasion): Json {
  const fields = fieldsOf(SCHEMA, name, stored["@type"]) ?? {};
  const result: Record<string, unknown> = { ...stored };
  for (const [key, value] of Object.entries(patch)) {
    if (key === "@type") continue;
    const [property = "", ...rest] = key.split("/");
    const field = Object.hasOwn(fields, property) ? fields[property] : undefined;
    if (field === undefined) throw new Refusal("invalidPatch", property, "Invalid key for object");
    if (field.update === "serverSet") throw new Refusal("invalidPatch", property, "Cannot modify server set property");
    // Also when it would stay the same.
    if (field.update === "immutable" && occasion === "update")
      throw new Refusal("invalidPatch", property, "Cannot modify read-only property");
    result[property] = patched(field.type, property, result[property], rest, value, occasion);
  }
  return result;
}

function patched(
  type: FieldType,
  property: string,
  stored: unknown,
  pointer: readonly string[],
  value: unknown,
  occasion: Occasion,
): unknown {
  const [step, ...rest] = pointer;
  if (step === undefined) return valueOf(type, property, stored, value, occasion);
  if (type.type === "objectList" && /^\d+$/.test(step)) return patchedList(type, property, stored, step, rest, value);
  if (type.type === "set" && rest.length === 0)
    return valueOf(type, property, stored, { ...(isObject(stored) ? stored : {}), [step]: value }, occasion);
  if (type.type === "object" && isObject(stored))
    return merged(type.objectName ?? "", stored, { [pointer.join("/")]: value }, occasion);
  throw new Refusal("invalidPatch", property, "Invalid pointer");
}

function patchedList(
  { objectName = "" }: FieldType,
  property: string,
  stored: unknown,
  index: string,
  rest: readonly string[],
  value: unknown,
): Json {
  const list = isObject(stored) ? { ...stored } : {};
  const item = list[index];
  if (value === null && rest.length === 0)
    return renumbered(Object.fromEntries(Object.entries(list).filter(([key]) => key !== index)));
  if (rest.length > 0) {
    if (!isObject(item)) throw new Refusal("invalidPatch", property, "Invalid value for object property");
    list[index] = merged(objectName, item, { [rest.join("/")]: value }, "update");
  } else {
    if (!isObject(value)) throw new Refusal("invalidPatch", property, "Invalid value for object property");
    list[index] = isObject(item) ? updated(objectName, item, value) : created(objectName, value);
  }
  return renumbered(list);
}

function valueOf(type: FieldType, property: string, stored: unknown, value: unknown, occasion: Occasion): unknown {
  const refuse = (why = "Invalid value for object property") => new Refusal("invalidPatch", property, why);
  if (value === null) {
    if (type.nullable === true) return null;
    throw refuse();
  }
  switch (type.type) {
    case "object":
      if (!isObject(value)) throw refuse();
      return nested(type.objectName ?? "", property, stored, value, occasion);
    case "objectList":
      if (!isObject(value)) throw refuse();
      return renumbered(
        Object.fromEntries(
          Object.entries(value).map(([key, item]) => {
            if (!/^\d+$/.test(key) || !isObject(item)) throw refuse("Invalid key for object property");
            return [key, created(type.objectName ?? "", item)];
          }),
        ),
      );
    case "set":
      return setValue(type, property, value);
    case "map":
      if (!isObject(value)) throw refuse();
      return Object.fromEntries(
        Object.entries(value).map(([key, item]) => {
          scalar(type.keyClass ?? { type: "string" }, property, key);
          return [key, valueOf(type.valueClass ?? { type: "string" }, property, undefined, item, "create")];
        }),
      );
    default:
      return scalar(type, property, value);
  }
}

function nested(name: string, property: string, stored: unknown, value: Json, occasion: Occasion): Json {
  const isSame = isObject(stored) && (!isVariant(name) || (value["@type"] ?? stored["@type"]) === stored["@type"]);
  const result = isSame ? merged(name, stored, value, occasion) : created(name, value);
  if (name === "Expression") refuseExpression(property, result);
  return result;
}

function refuseExpression(property: string, { match, else: otherwise }: Json): void {
  const items = isObject(match) ? Object.values(match).filter(isObject) : [];
  const texts: readonly (readonly [string, unknown])[] = [
    ...items.flatMap((item) => [["if", item["if"]] as const, ["then", item["then"]] as const]),
    ["else", otherwise],
  ];
  for (const [part, text] of texts) {
    const fault = expressionFault(typeof text === "string" ? text : "");
    if (fault !== undefined)
      throw new Refusal("validationFailed", property, `Error parsing '${part}' expression: ${fault}`);
  }
}

function setValue(type: FieldType, property: string, value: unknown): Json {
  if (!isObject(value)) throw new Refusal("invalidPatch", property, "Invalid value for object property");
  const members = Object.entries(value).flatMap(([member, isIn]) => {
    if (typeof isIn !== "boolean") throw new Refusal("invalidPatch", property, "Invalid value for set");
    return isIn ? [scalar(type.class ?? { type: "string" }, property, member)] : [];
  });
  if (members.length < (type.minItems ?? 0))
    throw new Refusal("validationFailed", property, `At least ${type.minItems ?? 0} items are required`);
  return Object.fromEntries(members.map((member) => [String(member), true]));
}

function scalar(type: FieldType, property: string, value: unknown): unknown {
  const refuse = () => new Refusal("invalidPatch", property, "Invalid value for object property");
  switch (type.type) {
    case "boolean":
      if (typeof value !== "boolean") throw refuse();
      return value;
    case "number":
      if (typeof value !== "number" || !Number.isFinite(value)) throw refuse();
      if (value < (type.format === "duration" ? 1 : (type.min ?? -Infinity)) || value > (type.max ?? Infinity))
        throw new Refusal("validationFailed", property, "Value is out of range");
      return value;
    default:
      if (typeof value !== "string" || value === "") throw refuse();
      return textValue(type, property, value);
  }
}

function textValue({ type, enumName = "", format }: FieldType, property: string, value: string): string {
  const refuse = () => new Refusal("invalidPatch", property, "Invalid value for object property");
  if (type === "enum" && SCHEMA.enums[enumName]?.includes(value) === false) throw refuse();
  if (format === "ipNetwork") {
    const [address = "", prefix, more] = value.split("/");
    const family = isIP(address);
    if (family === 0 || more !== undefined || (prefix !== undefined && !/^\d{1,3}$/.test(prefix))) throw refuse();
    return prefix === (family === 4 ? "32" : "128") ? address : value;
  }
  if (format === "socketAddress" && !/^(\[[0-9a-f:]+\]|\d+(\.\d+){3}):\d{1,5}$/.test(value)) throw refuse();
  if (format === "emailAddress" && !/^[^@\s]+@[^@\s]+$/.test(value)) throw refuse();
  return value;
}

/** Lists are read back with indices from 0 on, in their order. */
function renumbered(list: Json): Json {
  const items = Object.entries(list).sort(([one], [other]) => Number(one) - Number(other));
  return Object.fromEntries(items.map(([, item], index) => [String(index), item]));
}
