import type { PlanLine } from "../../../onhost/src/plan-line";
import type { Settings } from "../../settings/settings";
import { STALWART_PORTS, type Addresses } from "../layout";
import { reconcile, setOf, update, upsert } from "./line";
import { LMTP_LISTENER } from "./names";

const DAY_MS = 86_400_000;
const YEAR_MS = 365 * DAY_MS;
const MINUTE_MS = 60_000;
/** Long enough that nobody can guess a password of twelve characters, short enough to wait for after a mistake of one's own. */
const BAN_MS = 60 * MINUTE_MS;

/**
 * The administration interface, by version: the default fetches whatever was released last, and this page is where the
 * administrator's password is typed. 1.0.8 was the newest one when 0.16.18 came out.
 */
const WEBUI_URL = "https://github.com/stalwartlabs/webui/releases/download/v1.0.8/webui.zip";

/** Where Stalwart finds its certificate, inside its container. */
const TLS_FOLDER = "/etc/stalwart/tls";

/** Listeners, addresses, certificate, limits, logs. */
export function networkLines(
  { hostnames, services, inboundDelivery }: Settings,
  { edge, mail }: Addresses,
): readonly PlanLine[] {
  return [
    upsert("Certificate", ["certificate"], {
      certificate: {
        certificate: { "@type": "File", filePath: `${TLS_FOLDER}/fullchain.pem` },
        privateKey: { "@type": "File", filePath: `${TLS_FOLDER}/privkey.pem` },
      },
    }),
    update("SystemSettings", {
      defaultHostname: hostnames.server,
      defaultDomainId: "#domain",
      defaultCertificateId: "#certificate",
      // A peer in this list must send a PROXY header on every port, HTTP too. The mail listeners have their own.
      proxyTrustedNetworks: {},
      services: advertised(services),
    }),
    update("Http", {
      // Traefik writes the client's address itself; see there.
      useXForwarded: true,
      // HSTS is Cloudflare's and Traefik's matter.
      enableHsts: false,
      usePermissiveCors: false,
      rateLimitAnonymous: { count: 300, period: MINUTE_MS },
      rateLimitAuthenticated: { count: 3_000, period: MINUTE_MS },
    }),
    // The defaults ban forever. docs/host-stalwart.md says who can still cause a ban, and for whom.
    update("Security", {
      // Stalwart uses the first for all. Strangers can use up a login's failed tries, and its owner's next mistake is then a ban.
      authBanPeriod: BAN_MS,
      abuseBanPeriod: BAN_MS,
      loiterBanPeriod: BAN_MS,
      scanBanPeriod: BAN_MS,
      // One request for such a path bans its sender, and a picture in a mail can make its reader send one. Traefik answers these.
      scanBanPaths: {},
      // Counts broken TLS handshakes; nobody but the deployment's own people reaches a listener.
      scanBanRate: null,
    }),
    // A ban of theirs would hit everyone behind them. Nothing else: whoever has an allowed address has no limits at all.
    reconcile("AllowedIp", ["address"], {
      "allow-traefik": { address: mail.traefik, reason: "Traefik" },
      "allow-cloudflared": { address: edge.cloudflared, reason: "cloudflared: the Worker, and clients by tunnel TCP" },
    }),
    listenerLine(mail.traefik, inboundDelivery),
    reconcile("Tracer", ["@type"], {
      stdout: { "@type": "Stdout", enable: true, level: "info", ansi: false, multiline: false },
    }),
    // With another description it is another object, so what the first start fetched for the default one goes.
    reconcile("Application", ["description"], {
      webui: {
        description: "Administration interface, declared by mail-stack",
        enabled: true,
        resourceUrl: WEBUI_URL,
        urlPrefix: setOf(["/admin", "/account"]),
        autoUpdateFrequency: YEAR_MS,
      },
    }),
  ];
}

/** A reconcile: the listeners that Stalwart makes for itself (25, 443, 995) go. IPv4, as the compose networks are. */
function listenerLine(traefik: string, inboundDelivery: Settings["inboundDelivery"]): PlanLine {
  const proxied = { overrideProxyTrustedNetworks: setOf([traefik]) };
  const listener = (name: string, protocol: string, port: number, tls: { useTls: boolean; tlsImplicit: boolean }) => ({
    name,
    protocol,
    bind: setOf([`0.0.0.0:${port}`]),
    ...tls,
  });
  const implicit = { useTls: true, tlsImplicit: true };
  const startTls = { useTls: true, tlsImplicit: false };
  const none = { useTls: false, tlsImplicit: false };
  return reconcile("NetworkListener", ["name"], {
    "listen-http": { ...listener("http", "http", STALWART_PORTS.http, none), overrideProxyTrustedNetworks: {} },
    "listen-imaps": { ...listener("imaps", "imap", STALWART_PORTS.imaps, implicit), ...proxied },
    "listen-submissions": { ...listener("submissions", "smtp", STALWART_PORTS.submissions, implicit), ...proxied },
    "listen-submission": { ...listener("submission", "smtp", STALWART_PORTS.submission, startTls), ...proxied },
    "listen-sieve": { ...listener("sieve", "manageSieve", STALWART_PORTS.sieve, startTls), ...proxied },
    ...(inboundDelivery === "lmtp" && {
      "listen-lmtp": {
        ...listener(LMTP_LISTENER, "lmtp", STALWART_PORTS.lmtp, none),
        overrideProxyTrustedNetworks: {},
      },
    }),
  });
}

/** What Stalwart's own configuration documents name. There is no POP3. */
function advertised(services: Settings["services"]) {
  const secure = { cleartext: false, hostname: null };
  const names = {
    jmap: ["jmap"],
    caldavs: ["caldav"],
    carddavs: ["carddav"],
    imaps: ["imap"],
    submissions: ["smtp"],
    submission: ["smtp"],
    sieve: ["managesieve"],
  } as const satisfies Record<Settings["services"][number], readonly string[]>;
  return Object.fromEntries(services.flatMap((service) => names[service].map((name) => [name, secure])));
}
