import { type Comparable, isAddress, ofInputs, ofRecord } from "./comparable";
import type { Adopted, Created, InTheWay, Left } from "./findings";
import type { LiveRecord } from "./live";
import { isProps, type Props, textOf } from "./props";
import { differences, type Ids, resolved } from "./resolve";
import { isRoutingSpf, type RecordZone, spoiled } from "./spoiled";
import type { Wanted } from "./wanted";

export interface Matched {
  readonly adopted: readonly Adopted[];
  readonly created: readonly Created[];
  /** Records that nothing was matched with. */
  readonly rest: readonly LiveRecord[];
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
  zones: readonly RecordZone[],
): { readonly left: readonly Left[]; readonly inTheWay: readonly InTheWay[] } {
  const declared = wanted.map((each) => ofInputs(resolved(each, ids)));
  const left: Left[] = [];
  const inTheWay: InTheWay[] = [];
  for (const record of rest) {
    const label = recordLabel(record);
    const zone = zones.find(({ id }) => id === record.zoneId);
    const hasRoutingSpf = rest.some((other) => other.name === record.name && isRoutingSpf(other));
    const found = spoiled(record, { declared, zone, hasRoutingSpf });
    if (found) inTheWay.push({ label, ...found });
    else if (record.locked) left.push({ label, id: record.id, why: LOCKED[isAddress(record) ? "address" : "mail"] });
    else left.push({ label, id: record.id });
  }
  return { left, inTheWay };
}

/** While Email Routing is on, the API neither changes nor adds an MX: what the next `up` would fail at. */
export function refusedMx(
  { adopted, created }: Pick<Matched, "adopted" | "created">,
  zones: readonly Pick<RecordZone, "id" | "routing">[],
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

/** The owner of a locked record. */
const LOCKED = {
  mail: "Email Routing writes and locks it",
  address: "another of Cloudflare's services writes and locks it",
} as const;

function adoptedRecord(wanted: Wanted, inputs: Props, record: LiveRecord, replaced: string | undefined): Adopted {
  const { id, zoneId } = record;
  const found = differences(withoutMatched(inputs), propsOf(record, inputs));
  const type =
    inputs["type"] === record.type ? [] : [{ property: "type", current: record.type, wanted: inputs["type"] }];
  // The program changes neither in an MX (infra/dns/dns.ts).
  const told = found.filter(({ property }) => record.type !== "MX" || !["comment", "ttl"].includes(property));
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

function recordLabel({ type, name, content }: LiveRecord): string {
  return `${type} ${name} ${content}`;
}
