/**
 * Makes: one Cloudflare record for each record of this program, and DNSSEC for the mail domain's zone.
 * Must be true first: the zones exist in the Cloudflare account. No MX or SPF at the domain itself is among the records:
 * those are Email Routing's (docs/decisions/002-apex-spf-belongs-to-email-routing.md).
 * By hand: enter `ds` at the registrar once; remove it there and wait for its TTL before a destroy, or the domain vanishes.
 * Token scopes: Zone Read, DNS Write on the zones in `zoneIds`.
 */
import * as cloudflare from "@pulumi/cloudflare";
import * as pulumi from "@pulumi/pulumi";
import { isDkim } from "./dkim";
import { tunnelHostname } from "./rdata";
import type { MailRecord, RecordData } from "./record";
import { quoteTxt } from "./txt";

/** Cloudflare's limit for a record's comment on the free plan; paid plans take 500. */
export const COMMENT_CHARACTERS = 100;

export interface DnsArgs {
  /** The mail domain, whose zone is signed. */
  readonly domain: string;
  /** All records; those of Email Routing, of the tailnet and of a zone without an id are left out. */
  readonly records: readonly MailRecord[];
  /** Zone ids by zone name. Plain, because they decide which resources exist. */
  readonly zoneIds: Readonly<Record<string, string>>;
  /** The HTTP tunnel, to which the records with `{ tunnel: "http" }` lead; undefined where none of them does. */
  readonly tunnelId: pulumi.Input<string> | undefined;
  /** Refuse to delete DKIM records and DNSSEC. */
  readonly protect: boolean;
}

export class Dns extends pulumi.ComponentResource {
  /** The DS record for the registrar, as one line; Cloudflare knows it once the zone is signed. */
  readonly ds: pulumi.Output<string>;

  constructor(name: string, args: DnsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("mail:index:Dns", name, {}, opts);

    for (const record of args.records) {
      const zoneId = args.zoneIds[record.zone];
      if (record.owner !== "program" || zoneId === undefined || isOfTailnet(record)) continue;
      new cloudflare.DnsRecord(`${name}-${record.key}`, recordArgs(record, zoneId, args.tunnelId), {
        parent: this,
        deleteBeforeReplace: true,
        ...(isDkim(record) ? { protect: args.protect } : {}),
        // While Email Routing is on, the API refuses to change an MX (890190). An adopted MX keeps its comment and its TTL, which
        // the dashboard sets to automatic (1): the same 300 seconds as the program's.
        ...(record.data.type === "MX" ? { ignoreChanges: ["comment", "ttl"] } : {}),
      });
    }

    const zoneId = args.zoneIds[args.domain];
    if (zoneId === undefined) {
      throw new Error(
        `zoneIds has no id for ${args.domain}. Without it nothing can be published for the mail domain. ` +
          "Look the zone up and pass its id.",
      );
    }
    const dnssec = new cloudflare.ZoneDnssec(
      `${name}-dnssec`,
      { zoneId, status: "active" },
      { parent: this, protect: args.protect },
    );

    this.ds = dnssec.ds;
    this.registerOutputs({ ds: this.ds });
  }
}

/** Its value comes after the host, and no other record waits for that: infra/clients/tailnet.ts makes it. */
export function isOfTailnet({ data }: MailRecord): boolean {
  return data.type === "A";
}

/** The record that leads to the host's machine in the tailnet. */
export function tailnetRecordArgs(
  { name, ttl, why }: MailRecord,
  zoneId: string,
  address: pulumi.Input<string>,
): cloudflare.DnsRecordArgs {
  return { zoneId, name, ttl, type: "A", proxied: false, content: address, comment: shorten(why) };
}

/** Shapes that the provider reads back unchanged: quoted TXT, SRV with its priority twice, no `content` beside `data`. */
function recordArgs(record: MailRecord, zoneId: string, tunnelId: DnsArgs["tunnelId"]): cloudflare.DnsRecordArgs {
  const { name, ttl, proxied, why, data } = record;
  const common = { zoneId, name, ttl, type: data.type, comment: shorten(why) };
  switch (data.type) {
    case "TXT":
      return { ...common, content: quoteTxt(data.text) };
    case "MX":
      return { ...common, priority: data.priority, content: data.target };
    case "CNAME":
      return { ...common, proxied, content: cnameTarget(data.target, tunnelId) };
    case "A":
      throw new Error(`${name} leads to the tailnet, whose address is not known here.`);
    case "AAAA":
      return { ...common, proxied, content: data.address };
    case "SRV": {
      const { priority, weight, port, target } = data;
      return { ...common, priority, data: { priority, weight, port, target } };
    }
    case "CAA": {
      const { flags, tag, value } = data;
      return { ...common, data: { flags, tag, value } };
    }
  }
}

function cnameTarget(
  target: Extract<RecordData, { type: "CNAME" }>["target"],
  tunnelId: DnsArgs["tunnelId"],
): pulumi.Input<string> {
  if (typeof target === "string") return target;
  if (tunnelId === undefined) throw new Error("A record leads to the tunnel, and there is none.");
  return pulumi.output(tunnelId).apply(tunnelHostname);
}

/** Cut at a word. */
function shorten(sentence: string): string {
  if (sentence.length <= COMMENT_CHARACTERS) return sentence;
  const cut = sentence.slice(0, COMMENT_CHARACTERS - "...".length);
  return `${cut.slice(0, cut.lastIndexOf(" ")).replace(/[,;:(]*$/, "")}...`;
}
