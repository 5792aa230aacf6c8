import type { KeyObject } from "node:crypto";

import type { Answer, DnskeyData } from "dns-packet";

/** One record in the spelling of a zone file, TXT joined and unquoted. */
export interface LabRecord {
  readonly name: string;
  readonly type: "A" | "AAAA" | "CAA" | "CNAME" | "MX" | "NS" | "SOA" | "SRV" | "TXT";
  readonly value: string;
}

/** A zone as one server has it at the moment of the question. */
export type View = (records: readonly LabRecord[], server: string) => readonly LabRecord[];

export interface LabZone {
  readonly name: string;
  /** Loopback addresses of its servers. */
  readonly servers: readonly string[];
  records: () => readonly LabRecord[];
  /** Breaks something; the records as they are when left out. */
  view: View;
  /** Signed with this key when there is one. */
  key: ZoneKey | undefined;
  /** In place of the digest of `key`; an empty list is a zone without DS. */
  ds: readonly Answer[] | undefined;
  /** Seconds around now during which signatures are valid. */
  valid: { readonly from: number; readonly to: number };
  /** A server that is not in the mood. */
  fault: (server: string) => "silent" | "refused" | "lame" | undefined;
}

export interface ZoneKey {
  readonly privateKey: KeyObject;
  readonly data: DnskeyData;
}

const DAY_SECONDS = 86_400;
/** Seconds. */
export const TTL = 300;

export function labZone(name: string, servers: readonly string[], records: () => readonly LabRecord[]): LabZone {
  return {
    name,
    servers,
    records,
    view: (all) => all,
    key: undefined,
    ds: undefined,
    valid: { from: -DAY_SECONDS, to: DAY_SECONDS },
    fault: () => undefined,
  };
}

export function isWithin(name: string, zone: string): boolean {
  return zone === "" || name === zone || name.endsWith(`.${zone}`);
}

/** The record as it goes over the wire. */
export function answerOf({ name, type, value }: LabRecord): Answer {
  const common = { name: name || ".", ttl: TTL };
  const words = value.split(" ");
  switch (type) {
    case "TXT":
      return { ...common, type, data: value.match(/.{1,255}/gs) ?? [""] };
    case "MX":
      return { ...common, type, data: { preference: Number(words[0]), exchange: words[1] ?? "" } };
    case "SRV": {
      const [priority = 0, weight = 0, port = 0] = words.map(Number);
      return { ...common, type, data: { priority, weight, port, target: words[3] ?? "." } };
    }
    case "CAA":
      return {
        ...common,
        type,
        data: { flags: Number(words[0]), tag: words[1] as "issue", value: words.slice(2).join(" ") },
      };
    case "SOA":
      return {
        ...common,
        type,
        data: { mname: words[0] ?? "", rname: words[1] ?? "", serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 1 },
      };
    default:
      return { ...common, type, data: value };
  }
}
