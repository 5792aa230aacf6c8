import type { FieldType, SchemaExcerpt, SchemaField } from "../../sandbox/host/registry/schema";

/** The parts of the published schema that are read here; it has forms and texts for the administration interface too. */
export interface FullSchema {
  readonly objects: Readonly<Record<string, { readonly type: string }>>;
  readonly schemas: Readonly<Record<string, FullVariants>>;
  readonly fields: Readonly<
    Record<
      string,
      {
        readonly properties: Readonly<Record<string, { readonly type: FieldType; readonly update?: string }>>;
        readonly defaults?: Readonly<Record<string, unknown>>;
      }
    >
  >;
  readonly enums: Readonly<Record<string, readonly { readonly name: string }[] | Readonly<Record<string, unknown>>>>;
}

type FullVariants =
  | { readonly type: "single"; readonly schemaName: string }
  | {
      readonly type: "multiple";
      readonly variants: readonly { readonly name: string; readonly schemaName?: string }[];
    };

/** Object types that the plan, the programs on the host and the sandbox touch. */
const OBJECTS = [
  "Account",
  "Action",
  "AllowedIp",
  "ApiKey",
  "Application",
  "Asn",
  "Authentication",
  "BlobStore",
  "BlockedIp",
  "Certificate",
  "DkimSignature",
  "Domain",
  "Http",
  "InMemoryStore",
  "MtaInboundThrottle",
  "MtaOutboundStrategy",
  "MtaRoute",
  "MtaStageAuth",
  "MtaStageData",
  "MtaStageRcpt",
  "SenderAuth",
  "MtaTlsStrategy",
  "NetworkListener",
  "Role",
  "SearchStore",
  "Security",
  "SpamPyzor",
  "SpamSettings",
  "SystemSettings",
  "Tracer",
];

/** Where the other variants are of no use here. */
const VARIANTS: Readonly<Record<string, readonly string[]>> = {
  Asn: ["Disabled"],
  BlobStore: ["Default"],
  InMemoryStore: ["Default"],
  SearchStore: ["Default"],
  Tracer: ["Log", "Stdout"],
  Action: ["ReloadSettings", "ReloadTlsCertificates", "ReloadBlockedIps", "UpdateApps"],
  DkimSignature: ["Dkim1Ed25519Sha256", "Dkim1RsaSha256"],
  DnsManagement: ["Manual"],
  CertificateManagement: ["Manual"],
  DkimManagement: ["Manual"],
  EncryptionAtRest: ["Disabled"],
};

/** Too long to be worth their place; any text is taken for them. */
const OPEN_ENUMS = ["EventType", "Locale", "TimeZone"];

const PREFIX = "x:";

/** Follows the objects' fields to all that they consist of. Throws when the schema lacks something that is used. */
export function excerpt(version: string, full: FullSchema): SchemaExcerpt {
  const objects: Record<string, SchemaExcerpt["objects"][string]> = {};
  const schemas: Record<string, SchemaExcerpt["schemas"][string]> = {};
  const fields: Record<string, Record<string, SchemaField>> = {};
  const enums: Record<string, readonly string[]> = {};
  for (const name of OBJECTS) {
    objects[name] = { isSingleton: known(full.objects, `${PREFIX}${name}`).type === "singleton" };
    addSchema(name);
  }
  return { version, objects: sorted(objects), schemas: sorted(schemas), fields: sorted(fields), enums: sorted(enums) };

  function addSchema(name: string): void {
    if (name in schemas) return;
    const schema = known(full.schemas, `${PREFIX}${name}`);
    if (schema.type === "single") {
      schemas[name] = { fields: plain(schema.schemaName) };
      return addFields(schema.schemaName);
    }
    const variants = schema.variants.filter((variant) => VARIANTS[name]?.includes(variant.name) ?? true);
    schemas[name] = {
      variants: Object.fromEntries(
        variants.map((variant) => [variant.name, variant.schemaName === undefined ? null : plain(variant.schemaName)]),
      ),
    };
    for (const { schemaName } of variants) if (schemaName !== undefined) addFields(schemaName);
  }

  function addFields(schemaName: string): void {
    const name = plain(schemaName);
    if (name in fields) return;
    const { properties, defaults = {} } = known(full.fields, schemaName);
    fields[name] = Object.fromEntries(
      Object.entries(properties).map(([property, { type, update = "mutable" }]) => [
        property,
        { type: stripped(type), update, ...(property in defaults ? { default: defaults[property] } : {}) },
      ]),
    );
    for (const { type } of Object.values(properties)) addType(type);
  }

  function addType(type: FieldType): void {
    if ((type.type === "object" || type.type === "objectList") && type.objectName !== undefined)
      addSchema(plain(type.objectName));
    if (type.type === "enum" && type.enumName !== undefined && !OPEN_ENUMS.includes(type.enumName)) {
      const values = known(full.enums, type.enumName);
      enums[type.enumName] = Array.isArray(values)
        ? (values as readonly { name: string }[]).map(({ name }) => name)
        : Object.keys(values);
    }
    for (const part of [type.class, type.keyClass, type.valueClass]) if (part !== undefined) addType(part);
  }
}

function stripped(type: FieldType): FieldType {
  return JSON.parse(
    JSON.stringify(type, (key, value: unknown) => (key === "objectName" ? plain(String(value)) : value)),
  ) as FieldType;
}

/** Without the prefix, and without the form that a list of the interface adds (`x:Account/Group`). */
function plain(name: string): string {
  return name.replace(/^x:/, "").replace(/\/.*$/, "");
}

function known<T>(entries: Readonly<Record<string, T>>, name: string): T {
  const entry = entries[name];
  if (entry === undefined) throw new Error(`The schema does not know ${name}.`);
  return entry;
}

function sorted<T>(entries: Readonly<Record<string, T>>): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(entries).sort(([one], [other]) => (one < other ? -1 : 1)));
}
