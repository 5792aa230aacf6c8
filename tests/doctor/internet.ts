import type { MailRecord } from "../../infra/dns/record";
import { unquoteTxt } from "../../infra/dns/txt";
import type { Settings } from "../../infra/settings/settings";
import type { World } from "../../sandbox/cloud/world";
import type { ZoneRecord } from "../../sandbox/cloud/zone";
import { newKey } from "./dns/signing";
import { labZone, type LabRecord, type LabZone } from "./dns/zone";

const PARENT = "127.0.1.1";
export const ADA = "127.0.1.11";
export const BOB = "127.0.1.12";
const ELSEWHERE = "127.0.1.20";
/** Of Cloudflare's edge. */
export const EDGE = "104.16.1.1";
/** Of its mail servers. */
export const MX = "162.159.205.1";

/** The zones of the DNS as they are around the account's own. */
export interface Internet {
  /** The account's, in its order. */
  readonly zones: readonly [LabZone, ...LabZone[]];
  /** Their common parent. */
  readonly parent: LabZone;
  readonly elsewhere: LabZone;
}

/** @param domains of the account; all have the same parent */
export function internetOf(
  world: World,
  domains: readonly [string, ...string[]],
  more: readonly LabRecord[],
): Internet {
  const zoneOf = (domain: string) =>
    signed(
      labZone(domain, [ADA, BOB], () => [
        ...nameServers(domain),
        { name: domain, type: "SOA", value: "ada.ns.cloudflare.com dns.cloudflare.com" },
        ...(world.zones.find(({ name }) => name === domain)?.records ?? []).flatMap(served),
        ...CLOUDFLARES_CAA.map((value): LabRecord => ({ name: domain, type: "CAA", value })),
      ]),
    );
  const [first, ...others] = domains;
  const parentName = first.slice(first.indexOf(".") + 1);
  const parent = labZone(parentName, [PARENT], () => [
    { name: parentName, type: "NS", value: `ns.${parentName}` },
    { name: `ns.${parentName}`, type: "A", value: PARENT },
    ...domains.flatMap(nameServers),
  ]);
  return {
    zones: [zoneOf(first), ...others.map(zoneOf)],
    parent: signed(parent),
    elsewhere: signed(labZone("", [ELSEWHERE], () => [...ELSEWHERE_RECORDS, ...more])),
  };
}

/** What the owners of other names publish for this deployment: consent to its reports, and an MX for them. */
export function neighbours({ domain, dmarc }: Settings, records: readonly MailRecord[]): readonly LabRecord[] {
  const consents = records.filter(({ zone }) => zone !== domain);
  const host = dmarc.aggregateAddress.split("@")[1] ?? "";
  return [
    ...consents.map(({ name }): LabRecord => ({ name, type: "TXT", value: "v=DMARC1;" })),
    ...(host === domain ? [] : [{ name: host, type: "MX", value: `10 mx.${host}` } as const]),
  ];
}

function signed(zone: LabZone): LabZone {
  zone.key = newKey();
  return zone;
}

/** What Cloudflare serves beside the zone's own CAA records (its documentation, CAA records FAQ). */
const CLOUDFLARES_CAA = [
  ...["digicert.com; cansignhttpexchanges=yes", "sectigo.com", "letsencrypt.org", "ssl.com"],
  "pki.goog; cansignhttpexchanges=yes",
].flatMap((issuer) => [`0 issue ${issuer}`, `0 issuewild ${issuer}`]);

function nameServers(domain: string): LabRecord[] {
  return ["ada", "bob"].map((name) => ({ name: domain, type: "NS", value: `${name}.ns.cloudflare.com` }));
}

/** A record of the account as Cloudflare's servers answer it. */
function served({ name, type, content, priority = 0, proxied }: ZoneRecord): LabRecord[] {
  if (proxied) return [{ name, type: "A", value: EDGE }];
  switch (type) {
    case "TXT":
      return [{ name, type, value: unquoteTxt(content) }];
    case "MX":
    case "SRV":
      return [{ name, type, value: `${priority} ${content}` }];
    case "CAA":
      return [{ name, type, value: content.replaceAll('"', "") }];
    case "A":
    case "AAAA":
    case "CNAME":
      return [{ name, type, value: content }];
    default:
      throw new Error(`${type} is not served here`);
  }
}

const ELSEWHERE_RECORDS: readonly LabRecord[] = [
  { name: "", type: "SOA", value: "a.root-servers.net nstld.verisign-grs.com" },
  { name: "", type: "NS", value: "a.root-servers.net" },
  { name: "ada.ns.cloudflare.com", type: "A", value: ADA },
  { name: "bob.ns.cloudflare.com", type: "A", value: BOB },
  { name: "_spf.mx.cloudflare.net", type: "TXT", value: "v=spf1 ip4:104.30.0.0/20 ~all" },
  ...[1, 2, 3].map((number): LabRecord => ({ name: `route${number}.mx.cloudflare.net`, type: "A", value: MX })),
  { name: "amazonses.com", type: "TXT", value: "v=spf1 ip4:199.255.192.0/22 -all" },
  { name: "_mta-sts.mx.cloudflare.net", type: "TXT", value: "v=STSv1; id=20230615T153000" },
];
