import { readFileSync } from "node:fs";
import * as path from "node:path";

/** The part of Stalwart's published object schema that this project uses, made by tools/stalwart-schema.ts. */
export interface SchemaExcerpt {
  readonly version: string;
  readonly objects: Readonly<Record<string, { readonly isSingleton: boolean }>>;
  /** By object or nested object: its fields, or its variants, of which some have none. */
  readonly schemas: Readonly<Record<string, Schema>>;
  readonly fields: Readonly<Record<string, Readonly<Record<string, SchemaField>>>>;
  readonly enums: Readonly<Record<string, readonly string[]>>;
}

export type Schema = { readonly fields: string } | { readonly variants: Readonly<Record<string, string | null>> };

export interface SchemaField {
  readonly type: FieldType;
  /** `mutable`, `immutable` or `serverSet`. */
  readonly update: string;
  readonly default?: unknown;
}

export interface FieldType {
  readonly type:
    | "string"
    | "number"
    | "boolean"
    | "enum"
    | "utcDateTime"
    | "objectId"
    | "object"
    | "objectList"
    | "set"
    | "map"
    | "blobId";
  readonly format?: string;
  readonly nullable?: boolean;
  readonly min?: number;
  readonly max?: number;
  readonly minItems?: number;
  readonly objectName?: string;
  readonly enumName?: string;
  /** Of a set's members. */
  readonly class?: FieldType;
  readonly keyClass?: FieldType;
  readonly valueClass?: FieldType;
}

export const SCHEMA_VERSION = "0.16.18";

export const SCHEMA = JSON.parse(
  readFileSync(path.join(__dirname, `schema-${SCHEMA_VERSION}.json`), "utf8"),
) as SchemaExcerpt;

/** The fields of an object or nested object; undefined for an unknown one or an unknown variant. */
export function fieldsOf(
  schema: SchemaExcerpt,
  name: string,
  variant: unknown,
): Readonly<Record<string, SchemaField>> | undefined {
  const entry = schema.schemas[name];
  if (entry === undefined) return undefined;
  if ("fields" in entry) return schema.fields[entry.fields];
  if (typeof variant !== "string" || !Object.hasOwn(entry.variants, variant)) return undefined;
  const fields = entry.variants[variant];
  return fields == null ? {} : schema.fields[fields];
}
