import type { DomainSettings } from "../settings/settings";
import type { Draft } from "./draft";

/** The mail exchangers of Email Routing; the priorities are the zone's own. */
const EXCHANGERS = ["route1.mx.cloudflare.net", "route2.mx.cloudflare.net", "route3.mx.cloudflare.net"] as const;

/** The domain's only SPF record. See docs/decisions/002-apex-spf-belongs-to-email-routing.md. */
const SPF = "v=spf1 include:_spf.mx.cloudflare.net ~all";

const DKIM_SELECTOR = "cf2024-1";

/** What Email Routing publishes and locks in the zone; declared here for the zone file, the docs and the checks. */
export function routingRecords({ domain, routing }: DomainSettings): Draft[] {
  const owner = "email-routing";
  const drafts: Draft[] = EXCHANGERS.map((target, index) => ({
    name: domain,
    data: { type: "MX", priority: routing.mxPriorities[index] ?? 0, target },
    level: "required",
    owner,
    why: "Senders deliver the domain's mail to Cloudflare's edge; without an MX no mail arrives (RFC 5321 section 5.1).",
  }));
  drafts.push({
    name: domain,
    data: { type: "TXT", text: SPF },
    level: "required",
    owner,
    why:
      "Only Email Routing sends with an envelope address at the domain itself, when it forwards; " +
      "a second SPF record here would void both (RFC 7208 section 3.2).",
  });
  if (routing.dkim !== undefined) {
    drafts.push({
      name: `${DKIM_SELECTOR}._domainkey.${domain}`,
      data: { type: "TXT", text: routing.dkim },
      level: "required",
      owner,
      why: "Email Routing signs what it forwards or answers for the domain with this key (RFC 6376 section 3.6.1).",
    });
  }
  return drafts;
}
