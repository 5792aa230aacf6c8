import { tcpServices } from "../edge/tcp-services";
import { certificateNames } from "../host/certificate-names";
import type { DomainSettings, Settings } from "../settings/settings";
import type { Draft } from "./draft";

/** The host's names, which Cloudflare's edge answers through the tunnel: the home address stays unknown. */
export function hostRecords(settings: Settings): Draft[] {
  const { hostnames, inboundDelivery, tailnet, acme } = settings;
  return [
    ...(tailnet?.mode === "dns-record" ? [tailnetRecord(hostnames.clients)] : []),
    {
      name: hostnames.server,
      data: { type: "CNAME", target: { tunnel: "http" } },
      proxied: true,
      level: "required",
      why:
        "The mail server's public name leads through Cloudflare's edge into the tunnel; " +
        "without it JMAP clients and the administration do not reach the home.",
    },
    {
      name: hostnames.inbound,
      data: { type: "CNAME", target: { tunnel: "http" } },
      proxied: true,
      level: "required",
      why:
        "The Worker delivers inbound mail to this name, which Cloudflare Access guards; " +
        "without it inbound mail does not reach the mailbox.",
    },
    ...(inboundDelivery === "lmtp" ? [lmtpRecord(hostnames.lmtp)] : []),
    ...(acme.zone === undefined
      ? []
      : certificateNames(settings).map((name) => challengeRecord(name, `${name}.${acme.zone}`))),
    ...tcpServices(settings).map(({ service, hostname }): Draft => ({
      name: hostname,
      data: { type: "CNAME", target: { tunnel: "http" } },
      proxied: true,
      level: "optional",
      why:
        `Laptops reach ${service} through the tunnel by this name, which Cloudflare Access guards; ` +
        "`cloudflared access tcp` on the laptop connects to it.",
    })),
  ];
}

/** Names that a Worker answers at the edge, with the configuration of mail clients. */
export function edgeRecords({ hostnames }: DomainSettings): Draft[] {
  return [
    {
      name: hostnames.autoconfig,
      data: { type: "CNAME", target: hostnames.server },
      proxied: true,
      level: "recommended",
      why:
        "Thunderbird and others fetch their settings from this name; without it users type them in. " +
        "It is proxied because a Worker answers at the edge, also while home is down.",
    },
    {
      name: hostnames.autodiscover,
      data: { type: "CNAME", target: hostnames.server },
      proxied: true,
      level: "optional",
      why: "Outlook fetches its settings from this name; it is proxied because a Worker answers at the edge.",
    },
  ];
}

/** lego, Traefik's ACME client, follows it and writes the challenge where it leads (RFC 8555 section 8.4). */
function challengeRecord(name: string, target: string): Draft {
  return {
    name: `_acme-challenge.${name}`,
    data: { type: "CNAME", target },
    level: "required",
    why:
      "The certificate authority looks here for proof that the operator controls the name; it is in the only zone that the " +
      "host's token can change.",
  };
}

function lmtpRecord(name: string): Draft {
  return {
    name,
    data: { type: "CNAME", target: { tunnel: "http" } },
    proxied: true,
    level: "required",
    why:
      "The Worker reaches Stalwart's LMTP listener by this name, which Cloudflare Access guards; " +
      "without it inbound mail does not reach the mailbox.",
  };
}

/** Not proxied: the edge speaks no IMAP, and nobody but the tailnet reaches the address (RFC 6598). */
function tailnetRecord(name: string): Draft {
  return {
    name,
    data: { type: "A", address: { tailnet: "address" } },
    level: "recommended",
    why:
      "Phones on the tailnet find IMAP and submission under this name, which the certificate has too; " +
      "the address says nothing about the home and leads nowhere outside of the tailnet.",
  };
}
