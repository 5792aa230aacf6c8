import { presentation } from "./rdata";
import type { MailRecord, RecordData } from "./record";

/** Order of records in every output, so that an unchanged deployment renders the same bytes. */
export function compareRecords(domain: string): (a: MailRecord, b: MailRecord) => number {
  return (a, b) => {
    const left = rank(a, domain);
    const right = rank(b, domain);
    const differing = left.findIndex((value, index) => value !== right[index]);
    if (differing === -1) return 0;
    return compare(left[differing], right[differing]);
  };
}

/** Code units, not a locale: the same on every machine. */
function compare(a: string | number | undefined, b: string | number | undefined): number {
  if (a === undefined || b === undefined) return 0;
  return a < b ? -1 : 1;
}

function rank(record: MailRecord, domain: string): (string | number)[] {
  const { zone, name, data } = record;
  const below = name === zone ? "" : name;
  return [zone === domain ? 0 : 1, zone, below, data.type, priority(data), presentation(data)];
}

function priority(data: RecordData): number {
  return data.type === "MX" || data.type === "SRV" ? data.priority : 0;
}
