import type { Service, DomainSettings } from "../settings/settings";
import type { Draft } from "./draft";
import type { Level } from "./record";

interface Discovery {
  readonly label: string;
  readonly port: number;
  readonly what: string;
  readonly rfc: string;
  readonly level: Level;
}

const HTTPS_PORT = 443;

/** Ports as the host publishes them to tailnet and tunnel. */
const SERVICES: Readonly<Record<Service, Discovery>> = {
  jmap: { label: "_jmap", port: 443, what: "JMAP", rfc: "RFC 8620 section 2.2", level: "recommended" },
  caldavs: { label: "_caldavs", port: 443, what: "calendars", rfc: "RFC 6764 section 3", level: "recommended" },
  carddavs: { label: "_carddavs", port: 443, what: "address books", rfc: "RFC 6764 section 3", level: "recommended" },
  imaps: { label: "_imaps", port: 993, what: "IMAP over TLS", rfc: "RFC 6186 section 3.2", level: "recommended" },
  submissions: {
    label: "_submissions",
    port: 465,
    what: "submission over TLS",
    rfc: "RFC 8314 section 5.1",
    level: "recommended",
  },
  submission: {
    label: "_submission",
    port: 587,
    what: "submission with STARTTLS",
    rfc: "RFC 6186 section 3.1",
    level: "optional",
  },
  sieve: { label: "_sieve", port: 4190, what: "filter rules", rfc: "RFC 5804 section 1.8", level: "optional" },
};

/** Services that clients ask for and no deployment offers: plain-text IMAP and POP3. */
const NEVER_OFFERED = ["_imap", "_pop3", "_pop3s"] as const;

/** SRV for each known service: where it is, or that it is not offered. */
export function discoveryRecords({ domain, hostnames, services }: DomainSettings): Draft[] {
  const known = (Object.keys(SERVICES) as Service[]).map((service) =>
    services.includes(service)
      ? offered(SERVICES[service], hostOf(service, hostnames), domain)
      : notOffered(SERVICES[service].label, domain),
  );
  return [...known, ...NEVER_OFFERED.map((label) => notOffered(label, domain))];
}

/** The edge speaks HTTPS under the server's name; everything else is where the clients' name leads. */
function hostOf(service: Service, { server, clients }: DomainSettings["hostnames"]): string {
  return SERVICES[service].port === HTTPS_PORT ? server : clients;
}

function offered({ label, port, what, rfc, level }: Discovery, target: string, domain: string): Draft {
  return {
    name: `${label}._tcp.${domain}`,
    data: { type: "SRV", priority: 0, weight: 1, port, target },
    level,
    why: `Clients find ${what} by the mail address alone; without it users type in name and port (${rfc}).`,
  };
}

/** RFC 2782: the target `.` means that the service is decidedly not available at this domain. */
function notOffered(label: string, domain: string): Draft {
  return {
    name: `${label}._tcp.${domain}`,
    data: { type: "SRV", priority: 0, weight: 0, port: 0, target: "." },
    level: "optional",
    why: "Says that the service is not offered, so that clients stop guessing names and ports (RFC 6186 section 3.4, RFC 2782).",
  };
}
