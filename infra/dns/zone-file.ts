import { absolute, presentation } from "./rdata";
import type { MailRecord } from "./record";

export interface ZoneFileOptions {
  /**
   * `as-declared` prints proxied records with Cloudflare's import tag, `as-served` what a resolver is told instead: the
   * edge's addresses. Only there is the target of an SRV record no alias, as RFC 2782 demands.
   */
  readonly proxied: "as-declared" | "as-served";
  /** The word `tunnel-id` stands for it when left out. */
  readonly tunnelId?: string;
}

/** RFC 5737 and RFC 3849 documentation addresses in place of Cloudflare's anycast addresses. */
const EDGE_ADDRESSES = { A: "192.0.2.1", AAAA: "2001:db8::1" } as const;

/** Cloudflare reads and writes this comment when a zone file is imported and exported. */
const PROXIED_TAG = "; cf_tags=cf-proxied:true";

/** What Cloudflare serves where a record's TTL is automatic. */
const AUTOMATIC_TTL_SERVED_SECONDS = 300;

/** Cloudflare assigns every zone its own pair; these two have a zone's names without being anyone's promise. */
const NAME_SERVERS = ["ada.ns.cloudflare.com", "bob.ns.cloudflare.com"] as const;
const SOA = "ada.ns.cloudflare.com. dns.cloudflare.com. 1 10000 2400 604800 1800";

/** One zone in BIND syntax (RFC 1035 section 5), records in the order given, each below a comment with its reason. */
export function renderZone(zone: string, records: readonly MailRecord[], options: ZoneFileOptions): string {
  const head = [
    `; The mail records of ${zone}, proxied records ${options.proxied.replace("-", " ")}.`,
    `$TTL ${AUTOMATIC_TTL_SERVED_SECONDS}`,
    "",
    "; SOA and NS are placeholders: Cloudflare writes its own.",
    line(zone, 3600, "SOA", SOA),
    ...NAME_SERVERS.map((server) => line(zone, 86_400, "NS", absolute(server))),
  ];
  const body = records
    .filter((record) => record.zone === zone)
    .flatMap((record) => ["", ...renderRecord(record, options)]);
  return [...head, ...body, ""].join("\n");
}

/** A record's lines in a zone file: the comment, then one resource record or, for a proxied one as served, two. */
export function renderRecord(record: MailRecord, options: ZoneFileOptions): string[] {
  const comment = `; ${record.level}, ${record.owner}: ${record.why}`;
  if (options.proxied === "as-declared") {
    const text = line(record.name, record.ttl, record.data.type, presentation(record.data, options.tunnelId));
    return [comment, record.proxied ? `${text} ${PROXIED_TAG}` : text];
  }
  const ttl = record.ttl === 1 ? AUTOMATIC_TTL_SERVED_SECONDS : record.ttl;
  if (!record.proxied)
    return [comment, line(record.name, ttl, record.data.type, presentation(record.data, options.tunnelId))];
  return [comment, ...Object.entries(EDGE_ADDRESSES).map(([type, address]) => line(record.name, ttl, type, address))];
}

function line(name: string, ttl: number, type: string, value: string): string {
  return `${absolute(name)} ${ttl} IN ${type} ${value}`;
}
