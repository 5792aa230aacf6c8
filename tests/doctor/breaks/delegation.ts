import type { Break } from "../break";
import { newKey } from "../dns/signing";
import { ADA, BOB } from "../internet";
import { add, DAY_SECONDS, DOMAIN, REGISTRAR } from "./public";

export const DELEGATION: readonly Break[] = [
  {
    id: "delegation.resolver",
    what: "the resolver is dead",
    status: "error",
    current: /127\.0\.0\.53 gives no answer/,
    remedy: /network of this machine/,
    apply: ({ dns }) => void (dns.answers = false),
  },
  {
    id: "delegation.exists",
    what: "the domain has run out",
    status: "error",
    current: /servers of ai name no server/,
    remedy: /Renew the domain/,
    apply: ({ parent }) => {
      parent.view = (records) => records.filter(({ name }) => name !== DOMAIN);
    },
  },
  {
    id: "delegation.cloudflare",
    what: "the registry names a server of somebody else",
    status: "error",
    current: /^ns1\.parking\.example$/,
    remedy: REGISTRAR,
    apply: ({ parent }) => {
      parent.view = (records) => [...records, { name: DOMAIN, type: "NS", value: "ns1.parking.example" }];
    },
  },
  {
    id: "delegation.servers",
    what: "one name server is silent",
    status: "error",
    current: /^bob\.ns\.cloudflare\.com is silent$/,
    remedy: REGISTRAR,
    apply: ({ zone }) => void (zone.fault = (server) => (server === BOB ? "silent" : undefined)),
  },
  {
    id: "delegation.servers",
    what: "one name server does not know the zone",
    status: "error",
    current: /^ada\.ns\.cloudflare\.com answers REFUSED$/,
    remedy: REGISTRAR,
    apply: ({ zone }) => void (zone.fault = (server) => (server === ADA ? "refused" : undefined)),
  },
  {
    id: "delegation.servers",
    what: "one name server is not authoritative",
    status: "error",
    current: /bob\.ns\.cloudflare\.com does not own the zone/,
    remedy: REGISTRAR,
    apply: ({ zone }) => void (zone.fault = (server) => (server === BOB ? "lame" : undefined)),
  },
  {
    id: "delegation.equal",
    what: "the zone has a server that the registry does not name",
    status: "error",
    current: /^ada\.ns\.cloudflare\.com, bob\.ns\.cloudflare\.com at the registry$/,
    remedy: /Enter ada\..*, bob\..*, eve\.ns\.cloudflare\.com as name servers/,
    apply: add(DOMAIN, "NS", "eve.ns.cloudflare.com"),
  },
  {
    id: "dnssec.ds",
    what: "the registrar has no DS",
    status: "warning",
    current: /^ai has no DS record/,
    remedy: /pulumi stack output dnssecDs --stack prod/,
    apply: ({ zone }) => void (zone.ds = []),
  },
  {
    id: "dnssec.key",
    what: "the DS is that of a former key",
    status: "error",
    current: /has the keys \d+$/,
    remedy: /remove the one that is there/,
    apply: (lab) => {
      const former = lab.dns.dsOf(lab.zone);
      lab.zone.key = newKey();
      lab.zone.ds = former;
    },
  },
  {
    id: "dnssec.signatures",
    what: "the signatures have expired",
    status: "error",
    current: /the signature of DNSKEY by key \d+ expired at/,
    remedy: /clock of this machine/,
    apply: ({ zone }) => void (zone.valid = { from: -2 * DAY_SECONDS, to: -60 }),
  },
  {
    id: "dnssec.signatures",
    what: "the signatures are of tomorrow",
    status: "error",
    current: /is valid only from/,
    remedy: /clock of this machine/,
    apply: ({ zone }) => void (zone.valid = { from: DAY_SECONDS, to: 2 * DAY_SECONDS }),
  },
  {
    id: "dnssec.chain",
    what: "a validating resolver finds the parent's part of the chain broken",
    status: "error",
    current: /without the AD bit/,
    remedy: /dnsviz\.net\/d\/augustin\.ai/,
    apply: ({ zone, dns }) => {
      const ds = dns.dsOf(zone);
      // The zone's own part is fine; the resolver sees none of it.
      dns.insecure.add(zone.name);
      zone.ds = ds;
    },
  },
];
