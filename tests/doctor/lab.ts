import { mailRecords } from "../../infra/dns/records";
import { unquoteTxt } from "../../infra/dns/txt";
import { settingsOf } from "../../infra/settings/stack-file";
import { examine, type Patient, type Network } from "../../ops/doctor/examine";
import type { Examined } from "../../ops/doctor/report";
import type { ZoneRecord } from "../../sandbox/cloud/zone";
import { convergeWithoutEngine } from "../../sandbox/converge";
import { type Outside, startOutside } from "../../sandbox/outside";
import { standIns } from "../../sandbox/stand-ins";
import { LabDns, labZone, type LabRecord, type LabZone, newKey } from "./dns";
import { LabWeb } from "./web";

const PARENT = "127.0.1.1";
export const ADA = "127.0.1.11";
export const BOB = "127.0.1.12";
const ELSEWHERE = "127.0.1.20";
/** Of Cloudflare's edge. */
const EDGE = "104.16.1.1";

/** The sandbox's deployment as the internet sees it: real DNS, TLS and SMTP on loopback. */
export interface Lab {
  readonly outside: Outside;
  readonly patient: Patient;
  readonly network: Network;
  readonly dns: LabDns;
  /** The mail domain's. */
  readonly zone: LabZone;
  readonly parent: LabZone;
  readonly elsewhere: LabZone;
  readonly web: LabWeb;
  examine(only?: readonly string[], patient?: Partial<Patient>): Promise<Examined>;
  /** Everything is whole again. */
  heal(): void;
  close(): Promise<void>;
}

export async function startLab(stack = "prod"): Promise<Lab> {
  const invented = standIns(stack);
  const settings = settingsOf(stack, invented);
  const { domain } = settings;
  const outside = await startOutside(settings, invented);
  await convergeWithoutEngine(stack, invented, outside);
  const records = mailRecords(settings);

  const zone = labZone(domain, [ADA, BOB], () => [
    ...nameServers(domain),
    { name: domain, type: "SOA", value: "ada.ns.cloudflare.com dns.cloudflare.com" },
    ...(outside.world.zones.find(({ name }) => name === domain)?.records ?? []).flatMap(served),
    ...CLOUDFLARES_CAA.map((value): LabRecord => ({ name: domain, type: "CAA", value })),
  ]);
  const parentName = domain.slice(domain.indexOf(".") + 1);
  const parent = labZone(parentName, [PARENT], () => [
    { name: parentName, type: "NS", value: `ns.${parentName}` },
    { name: `ns.${parentName}`, type: "A", value: PARENT },
    ...nameServers(domain),
  ]);
  const elsewhere = labZone("", [ELSEWHERE], () => ELSEWHERE_RECORDS);
  zone.key = newKey();
  parent.key = newKey();
  elsewhere.key = newKey();
  const dns = new LabDns([zone, parent, elsewhere]);
  await dns.start();

  const names = records.filter(({ proxied }) => proxied).map(({ name }) => name);
  const exchangers = records.flatMap(({ data, name }) => (data.type === "MX" && name === domain ? [data.target] : []));
  const server = `https://${settings.hostnames.server}`;
  const web = new LabWeb([...names, ...exchangers], (url, init) => {
    // The sandbox's Stalwart has no calendars (facts: it redirects there).
    const path = url.startsWith(server) ? /^\/\.well-known\/(caldav|carddav)$/.exec(new URL(url).pathname) : null;
    if (path) return Promise.resolve(new Response(null, { status: 307, headers: { location: "/dav" } }));
    return outside.fetch(url, init);
  });
  await web.start();

  const patient: Patient = { deployment: { stack, settings, records, outputs: {} }, missing: new Map() };
  const network: Network = {
    dns: { resolver: dns.resolver, resolverPort: dns.port, port: dns.port },
    net: web.options,
  };
  const whole = { view: zone.view, parentView: parent.view, elsewhereView: elsewhere.view, key: zone.key };
  return {
    outside,
    patient,
    network,
    dns,
    zone,
    parent,
    elsewhere,
    web,
    examine: (only = [], other = {}) =>
      examine({ ...patient, ...other }, { ...network, net: web.options }, { only }, { budgetMs: 60_000 }),
    heal() {
      zone.view = whole.view;
      parent.view = whole.parentView;
      elsewhere.view = whole.elsewhereView;
      Object.assign(zone, {
        key: whole.key,
        ds: undefined,
        fault: () => undefined,
        valid: { from: -86_400, to: 86_400 },
      });
      dns.validates = true;
      dns.answers = true;
      dns.bogus.clear();
      dns.insecure.clear();
      web.reset();
    },
    async close() {
      dns.close();
      await web.close();
      await outside.close();
    },
  };
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
  { name: "amazonses.com", type: "TXT", value: "v=spf1 ip4:199.255.192.0/22 -all" },
  { name: "_mta-sts.mx.cloudflare.net", type: "TXT", value: "v=STSv1; id=20230615T153000" },
];
