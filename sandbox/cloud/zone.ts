import type { Props } from "./props";

/** One record as the authoritative servers hold it. `content` is in presentation form, TXT quoted and cut at 255 bytes. */
export interface ZoneRecord {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly content: string;
  readonly priority?: number;
  readonly ttl: number;
  readonly proxied: boolean;
  /** Written and locked by Email Routing. */
  readonly locked: boolean;
}

/** A zone of the account and what is switched on in it. */
export interface Zone {
  readonly id: string;
  readonly name: string;
  readonly nameServers: readonly string[];
  readonly records: ZoneRecord[];
  /** Rules of Email Routing for single addresses, before the catch-all; the program makes none. */
  readonly rules: Props[];
  /** Email Routing is on: the MX answer and mail is accepted. */
  emailRouting: boolean;
  /** The DS record that the registrar published; DNSSEC stays `pending` without it. */
  dsAtRegistrar: string | undefined;
  /** The registrar does not name its servers yet. */
  isPending?: true;
  /** Another status than `active` and `pending`: `initializing`, `moved`, `deleted`. */
  status?: string;
  /** `full` by default: the zone's name servers are Cloudflare's. Others: `partial`, `secondary`. */
  type?: string;
  /** Nothing is proxied. */
  paused?: boolean;
  /** A different account from the one in the settings; the token can see both. */
  accountId?: string;
}

export function newZone(id: string, name: string): Zone {
  return {
    id,
    name,
    nameServers: ["ada.ns.cloudflare.com", "bob.ns.cloudflare.com"],
    records: [],
    rules: [],
    emailRouting: false,
    dsAtRegistrar: undefined,
  };
}

export function isWithin(zone: Zone, name: string): boolean {
  return name === zone.name || name.endsWith(`.${zone.name}`);
}

/** As the API lists it. */
export function wireZone(zone: Zone, accountId: string): object {
  const { id, name, nameServers, type = "full", paused = false } = zone;
  const status = zone.status ?? (zone.isPending ? "pending" : "active");
  return { id, name, status, type, paused, name_servers: nameServers, account: { id: zone.accountId ?? accountId } };
}
