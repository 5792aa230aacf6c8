/** A DNS record of the deployment as data: it makes the resource, the zone file, the table in the docs and the checks. */
export interface MailRecord {
  /** Stable identity: the Pulumi resource is named after it, so adding a record never renames another. */
  readonly key: string;
  /** Lower-case FQDN without trailing dot. */
  readonly name: string;
  /** The zone that holds the record; differs from the mail domain only for a report authorisation (RFC 9990). */
  readonly zone: string;
  readonly data: RecordData;
  /** Seconds; 1 means "automatic" and is what Cloudflare asks for on proxied records. */
  readonly ttl: number;
  /** Answered by Cloudflare's edge instead of with the record's value. */
  readonly proxied: boolean;
  readonly level: Level;
  readonly owner: Owner;
  /** One sentence: why the record exists. */
  readonly why: string;
}

export type Level = "required" | "recommended" | "optional";

/** `program`: a DnsRecord resource. `email-routing`: Cloudflare writes and locks it when Email Routing is on. */
export type Owner = "program" | "email-routing";

/** Host name targets are FQDNs without trailing dot; `.` is the root (RFC 2782: service not offered). */
export type RecordData =
  | { readonly type: "MX"; readonly priority: number; readonly target: string }
  /** `text` is the whole value, unquoted and uncut; see {@link quoteTxt}. */
  | { readonly type: "TXT"; readonly text: string }
  | { readonly type: "CNAME"; readonly target: string | Tunnel }
  | { readonly type: "A"; readonly address: Tailnet }
  | { readonly type: "AAAA"; readonly address: string }
  | {
      readonly type: "SRV";
      readonly priority: number;
      readonly weight: number;
      readonly port: number;
      readonly target: string;
    }
  | {
      readonly type: "CAA";
      readonly flags: number;
      readonly tag: "issue" | "issuewild" | "iodef";
      readonly value: string;
    };

/** The host's address in the tailnet: known only once the host has joined. */
export interface Tailnet {
  readonly tailnet: "address";
}

/** The address of the HTTP tunnel: known only once the tunnel exists. */
export interface Tunnel {
  readonly tunnel: "http";
}
