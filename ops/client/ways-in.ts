import type { Service } from "../../infra/settings/settings";
import { laptopHostname } from "../../infra/settings/clients";
import { profileUrl } from "../../worker/src/apple-profile";
import { forwards } from "./local";
import { type ClientSettings, hostDomainOf } from "./settings";

/** One line of the client sheet. */
export interface Entry {
  readonly service: string;
  readonly host: string;
  readonly port: number;
  readonly security: "TLS" | "STARTTLS" | "HTTPS";
  readonly user: string;
}

/** One way in which a client reaches its mail. */
export interface WayIn {
  readonly title: string;
  /** What must be there on the client's side. */
  readonly needs: string;
  readonly entries: readonly Entry[];
}

const MAIL: readonly {
  readonly service: Service & ("imaps" | "submissions" | "submission" | "sieve");
  readonly what: string;
  readonly port: number;
  readonly security: "TLS" | "STARTTLS";
}[] = [
  { service: "imaps", what: "Incoming mail, IMAP", port: 993, security: "TLS" },
  { service: "submissions", what: "Outgoing mail, SMTP", port: 465, security: "TLS" },
  { service: "submission", what: "Outgoing mail, other", port: 587, security: "STARTTLS" },
  { service: "sieve", what: "Filter rules, Sieve", port: 4190, security: "STARTTLS" },
];

/** All ways in that the stack offers, each with hosts, ports, security and user name. */
export function waysIn(settings: ClientSettings, address: string): readonly WayIn[] {
  return [phone(settings, address), laptop(settings, address), anywhere(settings, address)].filter(
    ({ entries }) => entries.length > 0,
  );
}

/** Where clients that set themselves up find their settings. */
export function selfConfiguration({ domain, services, hostnames }: ClientSettings, address: string): readonly string[] {
  return [
    ...(services.includes("imaps") ? ["Thunderbird, Outlook: the address and the password are enough."] : []),
    ...(services.some((service) => ["imaps", "caldavs", "carddavs"].includes(service))
      ? [`iPhone, iPad, Mac: open ${profileUrl(domain, address)}`]
      : []),
    ...(services.includes("jmap")
      ? [`JMAP clients that want a URL: https://${hostnames.server}/.well-known/jmap`]
      : []),
  ];
}

function phone({ tailnet, services, hostnames }: ClientSettings, user: string): WayIn {
  const entries = MAIL.filter(({ service }) => services.includes(service)).map(({ what, port, security }) => ({
    service: what,
    host: hostnames.clients,
    port,
    security,
    user,
  }));
  return {
    title: "Phone and computer on the tailnet",
    needs: "Tailscale, connected.",
    entries: tailnet ? entries : [],
  };
}

function laptop(settings: ClientSettings, user: string): WayIn {
  return {
    title: "Laptop through Cloudflare",
    needs: "cloudflared, set up as `npm run client -- laptop` says.",
    entries: forwards(settings).flatMap(({ service, localPort }) =>
      MAIL.filter((mail) => mail.service === service).map(({ what, security }) => ({
        service: what,
        host: laptopHostname({ domain: hostDomainOf(settings) }),
        port: localPort,
        security,
        user,
      })),
    ),
  };
}

/** RFC 8620 section 2.2, RFC 6764 section 5: clients find the rest below the name. */
const HTTPS_PORT = 443;
const HTTPS = [
  { service: "jmap", what: "Mail, JMAP" },
  { service: "caldavs", what: "Calendars, CalDAV" },
  { service: "carddavs", what: "Contacts, CardDAV" },
] as const;

function anywhere({ services, hostnames }: ClientSettings, user: string): WayIn {
  return {
    title: "From anywhere",
    needs: "Nothing but HTTPS.",
    entries: HTTPS.filter(({ service }) => services.includes(service)).map(({ what }) => ({
      service: what,
      host: hostnames.server,
      port: HTTPS_PORT,
      security: "HTTPS",
      user,
    })),
  };
}
