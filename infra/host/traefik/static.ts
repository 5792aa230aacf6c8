import type { Settings } from "../../settings/settings";
import { addresses, TRAEFIK_PORTS } from "../layout";
import { IN_CONTAINER } from "./paths";
import { PLUGIN, PLUGIN_MODULE } from "./plugin";

/** The only certificate resolver; routers name it. */
export const RESOLVER = "letsencrypt";
/** Asked whether the challenge's record is there. Not the home's resolver, which may answer for the tailnet. */
const PUBLIC_RESOLVERS = ["1.1.1.1:53", "1.0.0.1:53"];
/**
 * Traefik stops reading a request after this time. The Worker's largest message, 25 MiB, takes it over a line of 350 kbit/s.
 * People's requests have no limit: it would also end an open JMAP event stream (RFC 8620 section 7.3).
 */
const UPLOAD_TIME = "10m";
const NO_LIMIT = "0s";
/** What is kept of a request. No address, no path (JMAP and DAV paths name accounts), no header, no user. */
const LOGGED = [
  "StartUTC",
  "entryPointName",
  "RouterName",
  "RequestMethod",
  "RequestProtocol",
  "DownstreamStatus",
  "OriginStatus",
  "Duration",
  "OriginDuration",
  "RequestContentSize",
  "DownstreamContentSize",
];

export interface EntryPoint {
  readonly address: string;
  readonly asDefault?: true;
  readonly transport?: { readonly respondingTimeouts: { readonly readTimeout: string } };
  readonly proxyProtocol?: { readonly trustedIPs: readonly string[] };
}

/** Traefik's install configuration: what it listens on, where rules and certificates come from. Read at its start. */
export function staticConfiguration(settings: Settings) {
  return {
    global: { checkNewVersion: false, sendAnonymousUsage: false },
    log: { level: "INFO", format: "json" },
    accessLog: {
      format: "json",
      fields: {
        defaultMode: "drop",
        names: Object.fromEntries(LOGGED.map((name) => [name, "keep"])),
        headers: { defaultMode: "drop" },
      },
    },
    ping: { entryPoint: "ping" },
    entryPoints: entryPoints(settings),
    providers: { file: { directory: IN_CONTAINER.dynamic, watch: true } },
    certificatesResolvers: {
      [RESOLVER]: {
        acme: {
          email: settings.primaryAddress,
          storage: IN_CONTAINER.acme,
          // Traefik's default, RSA with 4096 bits, costs a small machine far more time for each handshake.
          keyType: "EC256",
          dnsChallenge: { provider: "cloudflare", resolvers: PUBLIC_RESOLVERS },
        },
      },
    },
    experimental: { localPlugins: { [PLUGIN]: { moduleName: PLUGIN_MODULE } } },
  };
}

/**
 * Everything listens on the network that faces the tunnels only. The tailnet's sidecar alone is believed when it names a
 * client (PROXY protocol). Traefik waits for such a header from everyone there, also from those whom it would not believe:
 * clients of server-first protocols, who wait too, need entry points without it when they come by cloudflared.
 */
function entryPoints(settings: Settings): Readonly<Partial<Record<keyof typeof TRAEFIK_PORTS, EntryPoint>>> {
  const { edge } = addresses(settings.host.subnet);
  const at = (port: number) => ({ address: `${edge.traefik}:${port}` });
  const readTimeout = (time: string) => ({ transport: { respondingTimeouts: { readTimeout: time } } });
  const proxyProtocol = { trustedIPs: [edge.tailscale] };
  return {
    // Only a router that says so attaches to another one: an HTTPS router on `submission` would make it wait for clients.
    websecure: { ...at(TRAEFIK_PORTS.websecure), asDefault: true, ...readTimeout(NO_LIMIT), proxyProtocol },
    imaps: { ...at(TRAEFIK_PORTS.imaps), proxyProtocol },
    submissions: { ...at(TRAEFIK_PORTS.submissions), proxyProtocol },
    submission: { ...at(TRAEFIK_PORTS.submission), proxyProtocol },
    sieve: { ...at(TRAEFIK_PORTS.sieve), proxyProtocol },
    submissionTunnel: at(TRAEFIK_PORTS.submissionTunnel),
    sieveTunnel: at(TRAEFIK_PORTS.sieveTunnel),
    ...(settings.inboundDelivery === "lmtp" ? { lmtp: at(TRAEFIK_PORTS.lmtp) } : {}),
    tunnel: { ...at(TRAEFIK_PORTS.tunnel), ...readTimeout(NO_LIMIT) },
    ...(settings.adminAccess === "access" ? { admin: at(TRAEFIK_PORTS.admin) } : {}),
    inbound: { ...at(TRAEFIK_PORTS.inbound), ...readTimeout(UPLOAD_TIME) },
    ping: { address: `127.0.0.1:${TRAEFIK_PORTS.ping}` },
  };
}
