import type { DomainSettings } from "../settings/settings";
import type { Draft } from "./draft";
import { mailto } from "./mailto";

/** Cloudflare publishes the policy's id for all its MX; the policy itself is served by a Worker of this deployment. */
const CLOUDFLARE_MTA_STS = "_mta-sts.mx.cloudflare.net";

/**
 * The discard prefix (RFC 6666) that Cloudflare documents for a proxied name without an origin: a Worker route answers
 * there and nothing is ever connected to.
 */
const NO_ORIGIN = "100::";

/** What the domain asks of others: DMARC, TLS reports, MTA-STS, certificate authorities. */
export function policyRecords(settings: DomainSettings): Draft[] {
  return [dmarc(settings), tlsReports(settings), ...mtaSts(settings), ...certificateAuthorities(settings)];
}

/** Without `pct`, `rf` and `ri`, which RFC 9989 removed. */
function dmarc({ domain, dmarc: { policy, aggregateAddress, failureAddress } }: DomainSettings): Draft {
  const tags = ["v=DMARC1", `p=${policy}`, `rua=${mailto(aggregateAddress)}`];
  if (failureAddress !== undefined) tags.push(`ruf=${mailto(failureAddress)}`);
  return {
    name: `_dmarc.${domain}`,
    data: { type: "TXT", text: tags.join("; ") },
    level: "required",
    why:
      "Tells receivers what to do with mail that claims the domain but passes neither aligned SPF nor DKIM; " +
      "without it anyone may write in the domain's name (RFC 9989).",
  };
}

function tlsReports({ domain, tlsReportAddress }: DomainSettings): Draft {
  return {
    name: `_smtp._tls.${domain}`,
    data: { type: "TXT", text: `v=TLSRPTv1; rua=${mailto(tlsReportAddress)}` },
    level: "recommended",
    why: "Senders report failed TLS to this address; without it a broken MTA-STS policy stays unseen (RFC 8460).",
  };
}

function mtaSts({ domain, hostnames }: DomainSettings): Draft[] {
  return [
    {
      name: `_mta-sts.${domain}`,
      data: { type: "CNAME", target: CLOUDFLARE_MTA_STS },
      level: "recommended",
      why:
        "Announces the MTA-STS policy under the id that Cloudflare keeps for its MX; " +
        "without it senders accept a connection stripped of TLS (RFC 8461 section 3.1).",
    },
    {
      name: hostnames.mtaSts,
      data: { type: "AAAA", address: NO_ORIGIN },
      proxied: true,
      level: "recommended",
      why:
        "Lets Cloudflare's edge answer for the policy host, where a Worker serves the policy; " +
        "without it the announced policy cannot be fetched (RFC 8461 section 3.3).",
    },
  ];
}

/** None without an issuer: an `iodef` alone restricts nobody. The program does not know which authorities websites here use. */
function certificateAuthorities({ domain, caaIssuers, primaryAddress }: DomainSettings): Draft[] {
  if (caaIssuers.length === 0) return [];
  const issuers: Draft[] = caaIssuers.map((issuer) => ({
    name: domain,
    data: { type: "CAA", flags: 0, tag: "issue", value: issuer },
    level: "recommended",
    why: "Names an authority that may issue certificates for the domain; all others must refuse (RFC 8659 section 4.2).",
  }));
  return [
    ...issuers,
    {
      name: domain,
      data: { type: "CAA", flags: 0, tag: "iodef", value: mailto(primaryAddress) },
      level: "optional",
      why: "An authority that refused a request for a certificate can say so here (RFC 8659 section 4.4).",
    },
  ];
}
