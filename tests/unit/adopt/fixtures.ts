import type { Live, LiveObject, LiveRecord } from "../../../ops/adopt/live";
import type { Props } from "../../../ops/adopt/props";
import { TYPE } from "../../../ops/adopt/types";
import type { Wanted } from "../../../ops/adopt/wanted";

export const ZONE = { id: "z1", name: "example.org", routing: true };
export const ACCOUNT = "a1";

/** A resource of the program as a preview shows it. */
export function wanted(type: string, name: string, inputs: Props, dependsOn: Wanted["dependsOn"] = {}): Wanted {
  return { urn: `urn:pulumi:prod::mail::mail:index:X$${type}::${name}`, type, name, inputs, dependsOn };
}

export function wantedRecord(name: string, type: string, inputs: Props): Wanted {
  const label = name === "@" ? ZONE.name : `${name}.${ZONE.name}`;
  return wanted(TYPE.record, `dns-${type.toLowerCase()}-${name}`, {
    ...{ zoneId: ZONE.id, name: label, type, ttl: 300, comment: "why" },
    ...inputs,
  });
}

/** A record as the API lists it. */
export function live(
  id: string,
  name: string,
  type: string,
  content: string,
  more: Partial<LiveRecord> = {},
): LiveRecord {
  return {
    ...{ id, zoneId: ZONE.id, name: name === "@" ? ZONE.name : `${name}.${ZONE.name}`, type, content, ttl: 300 },
    ...{ data: undefined, priority: undefined, proxied: false, comment: "", locked: false },
    ...more,
  };
}

export function account(objects: readonly LiveObject[], more: Partial<Live> = {}): Live {
  return { accountId: ACCOUNT, zones: [ZONE], records: [], objects, rules: [], ...more };
}

export function object(type: string, id: string, label: string, props: Props): LiveObject {
  return { type, id, importId: `${ACCOUNT}/${id}`, label, props };
}
