import { isRecordName, nameFault } from "./domain";
import { bad, type Checked, type Fault, good, hasInvisible, isAscii } from "./fault";
import { OWN_LABELS } from "./hostnames";
import { parseList } from "./list";
import { relativeToDomain } from "./relative-name";
import type { ResendRecord } from "./settings";

const TYPES = ["MX", "TXT", "CNAME"] as const;
type RecordType = (typeof TYPES)[number];

/** Names of the program's own records and of Email Routing's, which a record of Resend's must not take. */
const OWN_NAMES = /^(_dmarc|_mta-sts|_smtp\._tls|cf2024-1\._domainkey|.+\._tcp)$/;

/**
 * Checks Resend's DNS records as its API gives them (GET /domains/{id}, `records[]`). Other fields (`ttl`, `status`) are
 * dropped. One record per name and type: two would contradict each other, and a CNAME stands alone (RFC 1034 §3.6.2).
 */
export function parseResendRecords(text: string, domain: string | undefined): Checked<readonly ResendRecord[]> {
  const seen: ResendRecord[] = [];
  return parseList(text, (item) => {
    const checked = parseRecord(item, domain);
    if (!checked.ok) return checked;
    const record = checked.value;
    const same = seen.filter((other) => other.name === record.name);
    if (same.some((other) => other.type === record.type && other.value === record.value)) {
      return bad({ rule: "repeats an earlier record", remove: true });
    }
    if (same.some((other) => other.type === "CNAME" || record.type === "CNAME")) {
      return bad({ rule: "shares its name with another record although one of the two is a CNAME (RFC 1034 §3.6.2)" });
    }
    if (same.some((other) => other.type === record.type && record.type === "TXT")) {
      return bad({ rule: "is a second TXT record at the same name, so neither SPF nor DKIM would be valid there" });
    }
    seen.push(record);
    return checked;
  });
}

/** The selectors of Resend's DKIM records: `X` of a record `X._domainkey`. */
export function resendSelectors(records: readonly ResendRecord[]): readonly string[] {
  return records.flatMap(({ name }) => /^([^.]+)\._domainkey$/.exec(name)?.[1] ?? []);
}

function parseRecord(item: unknown, domain: string | undefined): Checked<ResendRecord> {
  if (typeof item !== "object" || item === null || Array.isArray(item)) {
    return bad({ rule: "is no object", allowed: "an object with record, type, name, value and, for MX, priority" });
  }
  const fields = new Map<string, unknown>(Object.entries(item));
  const [record, type, name, value] = ["record", "type", "name", "value"].map((field) => fields.get(field));
  const priority = fields.get("priority");
  if (typeof record !== "string" || !/^[\x20-\x7e]{1,40}$/.test(record))
    return bad(
      inField("record", record, "is no short text", 'Resend\'s word for its purpose, such as "SPF" or "DKIM"'),
    );
  if (!isRecordType(type)) return bad(inField("type", type, "is not a type that Resend uses", TYPES.join(", ")));
  if (typeof name !== "string") return bad(inField("name", name, "is not a string"));
  const inName = recordNameFault(name, domain);
  if (inName !== undefined) return bad(inName);
  if (typeof value !== "string") return bad(inField("value", value, "is not a string"));
  const inValue = valueFault(type, value);
  if (inValue !== undefined) return bad(inValue);
  if (type !== "MX") {
    return priority === undefined || priority === null
      ? good({ record, type, name, value })
      : bad({ ...inField("priority", priority, "is set on a record that is no MX"), remove: true });
  }
  if (typeof priority !== "number" || !Number.isInteger(priority) || priority < 0 || priority > 65_535) {
    return bad(inField("priority", priority, "is not an integer from 0 to 65535, which an MX needs", "0 to 65535"));
  }
  return good({ record, type, name, value, priority });
}

function recordNameFault(name: string, domain: string | undefined): Fault | undefined {
  const allowed = "a name relative to the mail domain, lower case, without trailing dot: send, resend._domainkey";
  const fault = (rule: string, mend?: string): Fault => ({
    ...inField("name", name, rule, allowed),
    ...(mend === undefined ? {} : { mend }),
  });
  if (name === "" || name === "@") return fault("is the mail domain itself, whose MX and SPF belong to Email Routing");
  if (name.endsWith(".")) return fault("ends in a dot");
  if (domain !== undefined && (name === domain || name.endsWith(`.${domain}`))) {
    const relative = name.slice(0, -domain.length - 1);
    return fault("is not relative to the mail domain", isRecordName(relative) ? relative : undefined);
  }
  if (/[A-Z]/.test(name)) return fault("has upper case letters", name.toLowerCase());
  const relative = domain === undefined ? name : relativeToDomain(name, domain);
  if (relative !== name)
    return fault(
      "is relative to the registered domain, not to the mail domain",
      isRecordName(relative) ? relative : undefined,
    );
  if (!isRecordName(name)) return fault("is no DNS name");
  if (OWN_NAMES.test(name) || OWN_LABELS.has(name))
    return fault("is the name of a record that this program or Email Routing declares");
  if (domain !== undefined && name.length + 1 + domain.length > 253) return fault("is too long below the mail domain");
  return undefined;
}

function valueFault(type: RecordType, value: string): Fault | undefined {
  const fault = (rule: string): Fault => inField("value", value, rule);
  if (value === "") return fault("is empty");
  if (value.includes('"')) {
    const plain = /^"([^"\\]*)"$/.exec(value)?.[1];
    return {
      ...fault("contains quotation marks, which the program adds itself"),
      ...(plain === undefined ? {} : { mend: plain }),
    };
  }
  if (type === "TXT") {
    const printable = isAscii(value) && !hasInvisible(value.replaceAll(" ", ""));
    return printable ? undefined : fault("contains control characters or is not in ASCII");
  }
  if (value.endsWith(".")) return { ...fault("ends in a dot"), mend: value.replace(/\.+$/, "") };
  const labels = value.split(".");
  if (labels.length < 2 || !isRecordName(value))
    return fault(`is no host name, which a record of type ${type} points to`);
  // Underscores are fine in a CNAME's target (DKIM delegation), not in a mail host's name (RFC 5321 §2.3.5).
  return type === "MX" && nameFault(value) !== undefined ? fault("is no host name") : undefined;
}

function inField(field: string, value: unknown, rule: string, allowed?: string): Fault {
  const text = typeof value === "string" ? value : value === undefined ? "(nothing)" : JSON.stringify(value);
  return { rule, item: { index: 0, text, field }, ...(allowed === undefined ? {} : { allowed }) };
}

function isRecordType(value: unknown): value is RecordType {
  return TYPES.some((type) => type === value);
}
