import { unquoteTxt } from "../../infra/dns/txt";
import type { Adopted, Created, InTheWay, Left } from "./findings";
import type { LiveRecord } from "./live";
import { canonical, isProps, type Props, textOf } from "./props";
import { differences, type Ids, resolved } from "./resolve";
import type { Wanted } from "./wanted";

const ADDRESS_TYPES: readonly string[] = ["A", "AAAA", "CNAME"];

export interface Matched {
  readonly adopted: readonly Adopted[];
  readonly created: readonly Created[];
  /** Records that nothing was matched with. */
  readonly rest: readonly LiveRecord[];
}

/** A record as both sides can be compared. */
interface Comparable {
  readonly name: string;
  readonly type: string;
  /** What identifies the value among others of the same name and type. */
  readonly value: string;
  readonly purpose: string;
}

/**
 * Which live record becomes which of the program's: the same value first; then one of the same type and purpose, which is
 * changed in place; last an address record in the place of another address record, whose type cannot be changed.
 * Every live record is matched once at most, and none that Cloudflare has locked.
 */
export function matchRecords(wanted: readonly Wanted[], live: readonly LiveRecord[], ids: Ids): Matched {
  const free = new Set(live.filter(({ locked }) => !locked));
  const open = new Map(wanted.map((each) => [each, resolved(each, ids)] as const));
  const adopted: Adopted[] = [];
  const round = (fits: (a: Comparable, b: Comparable) => boolean, replaced?: string) => {
    for (const [each, inputs] of open) {
      const found = [...free].find(
        (record) => record.zoneId === inputs["zoneId"] && fits(ofInputs(inputs), ofRecord(record)),
      );
      if (!found) continue;
      free.delete(found);
      open.delete(each);
      adopted.push(adoptedRecord(each, inputs, found, replaced));
    }
  };
  const same = (a: Comparable, b: Comparable) => a.name === b.name && a.type === b.type;
  round((a, b) => same(a, b) && a.value === b.value);
  round((a, b) => same(a, b) && a.purpose !== "" && a.purpose === b.purpose);
  round(
    (a, b) => a.name === b.name && isAddress(a) && isAddress(b) && (a.type === "CNAME" || b.type === "CNAME"),
    "the API's provider cannot change a record's type",
  );
  const created = [...open.keys()].map((each) => ({ wanted: each }));
  return { adopted, created, rest: live.filter((record) => record.locked || free.has(record)) };
}

/** Records that nothing was matched with: most are somebody else's; some would spoil what the program makes. */
export function judgeRest(
  rest: readonly LiveRecord[],
  wanted: readonly Wanted[],
  ids: Ids,
  zones: readonly { readonly id: string; readonly name: string; readonly routing: boolean }[],
): { readonly left: readonly Left[]; readonly inTheWay: readonly InTheWay[] } {
  const declared = wanted.map((each) => ofInputs(resolved(each, ids)));
  const left: Left[] = [];
  const inTheWay: InTheWay[] = [];
  const hasLockedSpf = rest.some((record) => record.locked && isSpf(record));
  for (const record of rest) {
    const label = recordLabel(record);
    const here = zones.find(({ id, name }) => id === record.zoneId && name === record.name);
    const found = spoiled(record, declared, here && { ...here, hasLockedSpf });
    if (record.locked) left.push({ label, id: record.id, why: "Email Routing writes and locks it" });
    else if (found) inTheWay.push({ label, ...found });
    else left.push({ label, id: record.id });
  }
  return { left, inTheWay };
}

/** While Email Routing is on, the API neither changes nor adds an MX: what the next `up` would fail at. */
export function refusedMx(
  { adopted, created }: Pick<Matched, "adopted" | "created">,
  zones: readonly { readonly id: string; readonly routing: boolean }[],
): InTheWay[] {
  const isRefused = ({ inputs }: Wanted) =>
    inputs["type"] === "MX" && zones.some(({ id, routing }) => id === inputs["zoneId"] && routing);
  const why = "Email Routing is on, and the API then refuses to add or change an MX (890190)";
  return [
    ...adopted
      .filter(({ wanted, differences }) => differences.length > 0 && isRefused(wanted))
      .map(({ label }) => ({
        label,
        why,
        mend: "Switch Email Routing off, correct the record, and switch it on again",
      })),
    ...created
      .filter(({ wanted }) => isRefused(wanted))
      .map(({ wanted: { inputs } }) => ({
        label: `MX ${textOf(inputs["name"])} ${textOf(inputs["content"])} (missing)`,
        why,
        mend: "Switch Email Routing off, add the record, and switch it on again",
      })),
  ];
}

/** Why a record cannot stay beside what the program makes, and what to do; undefined when it can. */
function spoiled(
  record: LiveRecord,
  declared: readonly Comparable[],
  apex: { readonly name: string; readonly routing: boolean; readonly hasLockedSpf: boolean } | undefined,
): Omit<InTheWay, "label"> | undefined {
  const remove = "Delete it in Cloudflare's dashboard";
  if (apex && record.type === "MX" && !apex.routing)
    return { why: "Email Routing cannot be switched on while another MX is here", mend: remove };
  if (apex && isSpf(record) && !apex.routing)
    return {
      why: "Email Routing puts its own SPF in its place; who else sends as the domain is refused then",
      mend: "Let them send from a subdomain, or sign with DKIM",
    };
  if (apex && isSpf(record) && apex.hasLockedSpf)
    return { why: "two SPF records are an error to every receiver (RFC 7208 section 4.5)", mend: remove };
  const own = ofRecord(record);
  const beside = declared.filter(({ name }) => name === own.name);
  if (beside.some(({ type }) => type === "CNAME") || (record.type === "CNAME" && beside.length > 0))
    return { why: "the API refuses a CNAME beside it (81053, 81054)", mend: remove };
  if (record.type === "TXT" && own.purpose !== "" && beside.some(({ purpose }) => purpose === own.purpose))
    return { why: "two of its kind at one name count as none", mend: remove };
  if (record.type === "SRV" && beside.some(({ type }) => type === "SRV"))
    return { why: "clients would go there too", mend: remove };
  if (isAddress(own) && beside.some(isAddress)) return { why: "clients would go there too", mend: remove };
  return undefined;
}

function adoptedRecord(wanted: Wanted, inputs: Props, record: LiveRecord, replaced: string | undefined): Adopted {
  const { id, zoneId } = record;
  const found = differences(withoutMatched(inputs), propsOf(record, inputs));
  const type =
    inputs["type"] === record.type ? [] : [{ property: "type", current: record.type, wanted: inputs["type"] }];
  // The program never changes an MX's comment (infra/dns/dns.ts).
  const told = found.filter(({ property }) => record.type !== "MX" || property !== "comment");
  return {
    ...{ wanted, id, importId: `${zoneId}/${id}`, label: recordLabel(record) },
    differences: [...type, ...told],
    ...(replaced === undefined ? {} : { replaced }),
  };
}

/** By these the two were matched. */
const MATCHED: readonly string[] = ["zoneId", "type", "name"];

function withoutMatched(inputs: Props): Props {
  return Object.fromEntries(Object.entries(inputs).filter(([key]) => !MATCHED.includes(key)));
}

/** The record in the shape of the resource's inputs: `data` where the program says `data`. */
function propsOf({ content, data, priority, ttl, proxied, comment }: LiveRecord, inputs: Props): Props {
  const parts = isProps(inputs["data"]) ? { data: dataOf(data, inputs["data"]) } : { content };
  return {
    ttl,
    proxied,
    ...(comment === "" ? {} : { comment }),
    ...(priority === undefined ? {} : { priority }),
    ...parts,
  };
}

/** Only what the program says of it; a flag may come as text. */
function dataOf(data: Props | undefined, wanted: Props): Props {
  const known = Object.keys(wanted).map((key) => {
    const value = data?.[key];
    return [key, typeof wanted[key] === "number" && value !== undefined ? Number(value) : value] as const;
  });
  return Object.fromEntries(known);
}

function ofInputs(inputs: Props): Comparable {
  const { data, priority } = inputs;
  const name = textOf(inputs["name"]);
  const type = textOf(inputs["type"]);
  const content = textOf(inputs["content"]);
  const value = isProps(data) ? dataValue(type, data) : valueOf(type, content, priority);
  return { name, type, value, purpose: purposeOf(name, type, value) };
}

function ofRecord({ name, type, content, data, priority }: LiveRecord): Comparable {
  const whole = type === "SRV" && data ? { ...data, priority: data["priority"] ?? priority } : data;
  const value = (type === "SRV" || type === "CAA") && whole ? dataValue(type, whole) : valueOf(type, content, priority);
  return { name, type, value, purpose: purposeOf(name, type, value) };
}

function valueOf(type: string, content: string, priority: unknown): string {
  if (type === "TXT") return textual(content);
  return type === "MX"
    ? `${Number(priority ?? 0)} ${content.toLowerCase()}`
    : content.toLowerCase().replace(/(.)\.$/, "$1");
}

function dataValue(type: string, data: Props): string {
  if (type === "CAA") return canonical([Number(data["flags"]), data["tag"], data["value"]]);
  return canonical([data["priority"], data["weight"], data["port"], data["target"]].map(String));
}

/** What the record is for, as far as two of a kind exclude each other; empty where several may stand side by side. */
function purposeOf(name: string, type: string, value: string): string {
  if (type === "CAA") return value.replace(/^\[\d+,/, "");
  if (type !== "TXT") return type;
  if (name.includes("._domainkey.")) return /(^|;)\s*p=/.test(value) ? "DKIM1" : "";
  return /^v=([\w.-]+)/i.exec(value)?.[1]?.toUpperCase() ?? "";
}

function isSpf({ type, content }: LiveRecord): boolean {
  return type === "TXT" && /^v=spf1( |$)/i.test(textual(content));
}

function isAddress({ type }: Comparable): boolean {
  return ADDRESS_TYPES.includes(type);
}

/** Records of long ago may come without quotes. */
function textual(content: string): string {
  try {
    return unquoteTxt(content);
  } catch {
    return content;
  }
}

function recordLabel({ type, name, content }: LiveRecord): string {
  return `${type} ${name} ${content}`;
}
