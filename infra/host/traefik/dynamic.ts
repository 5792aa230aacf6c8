import { ARRIVALS_PORT } from "../../../onhost/src/deployment";
import type { Settings } from "../../settings/settings";
import { certificateNames } from "../certificate-names";
import { addresses, STALWART_PORTS, type TRAEFIK_PORTS } from "../layout";
import { PLUGIN } from "./plugin";
import { administrationPaths, servedPaths } from "./served-paths";
import { RESOLVER } from "./static";

/** Of the tailnet's and the tunnel's HTTPS name only: other names below the domain are not this deployment's. */
const HSTS_SECONDS = 31_536_000;
/** Stalwart is on the same machine: a Worker that waits learns soon that it is not there. */
const DIAL_TIMEOUT = "5s";
/** RFC 8620 and Stalwart 0.16: what the Worker asks for, and what tells whether home answers. */
const INBOUND_PATHS = [
  "Path(`/.well-known/jmap`)",
  "Path(`/jmap`)",
  "Path(`/jmap/`)",
  "Path(`/jmap/session`)",
  "PathPrefix(`/jmap/upload/`)",
  "PathPrefix(`/healthz/`)",
];
/** The Worker's question whether a message has arrived. Behind Access only: the server's public name does not lead there. */
const ARRIVALS_PATH = "Path(`/arrivals`)";
const TRANSPORT = "stalwart";
const BACKEND = "stalwart";
const ARRIVALS = "arrivals";
/** Without a PROXY header: to Stalwart it is Traefik that delivers, whose address no ban can hit. */
const LMTP_TRANSPORT = "lmtp";
/** Whoever reaches the listener may deliver, so the other containers are kept away. */
const CLOUDFLARED_ONLY = "cloudflared-only";

/** Traefik's routing: who gets where and as whom. Watched: a change needs no restart. */
export function dynamicConfiguration(settings: Settings) {
  return { http: http(settings), tcp: tcp(settings), tls: TLS };
}

/** Without a server name, or with an unknown one, the handshake fails: the default certificate would help nobody. */
const TLS = { options: { default: { minVersion: "VersionTLS12", sniStrict: true } } } as const;

/**
 * The ways to Stalwart's HTTP, which believes `Forwarded` first and then the first address of `X-Forwarded-For`, from
 * anyone. Traefik removes what a client writes into `X-Forwarded-*` and `X-Real-Ip` and appends the peer's address itself;
 * the middlewares see to the rest.
 */
function http(settings: Settings) {
  const { hostnames, host, adminAccess } = settings;
  const server = `Host(\`${hostnames.server}\`)`;
  const clients = certificateNames(settings)
    .map((name) => `Host(\`${name}\`)`)
    .join(" || ");
  const route = (entryPoint: keyof typeof TRAEFIK_PORTS, rule: string, middlewares: readonly string[]) => ({
    entryPoints: [entryPoint],
    rule,
    middlewares,
    service: BACKEND,
  });
  return {
    routers: {
      // The peer is the client: the tailnet's sidecar names it by PROXY protocol.
      websecure: {
        ...route("websecure", `(${clients}) && ${servedPaths(true)}`, ["as-peer", "hsts"]),
        tls: tls(settings),
      },
      // The client is the one that Cloudflare's edge names.
      tunnel: route("tunnel", `${server} && ${servedPaths(adminAccess === "public")}`, ["as-edge-says", "hsts"]),
      // The same client, let in by Access.
      ...(adminAccess === "access" && {
        admin: route("admin", `${server} && ${administrationPaths()}`, ["as-edge-says", "hsts"]),
      }),
      // The client is cloudflared, which is never banned: all Workers of all of Cloudflare's customers share addresses.
      inbound: route("inbound", `Host(\`${hostnames.inbound}\`) && (${INBOUND_PATHS.join(" || ")})`, ["as-peer"]),
      [ARRIVALS]: {
        ...route("inbound", `Host(\`${hostnames.inbound}\`) && ${ARRIVALS_PATH}`, ["as-peer"]),
        service: ARRIVALS,
      },
    },
    middlewares: {
      "as-peer": { headers: { customRequestHeaders: { Forwarded: "", "CF-Connecting-IP": "" } } },
      "as-edge-says": { plugin: { [PLUGIN]: {} } },
      hsts: { headers: { stsSeconds: HSTS_SECONDS, forceSTSHeader: true } },
    },
    services: {
      [BACKEND]: {
        loadBalancer: {
          servers: [{ url: `http://${addresses(host.subnet).mail.stalwart}:${STALWART_PORTS.http}` }],
          serversTransport: TRANSPORT,
        },
      },
      [ARRIVALS]: {
        loadBalancer: {
          servers: [{ url: `http://${addresses(host.subnet).mail.arrivals}:${ARRIVALS_PORT}` }],
          serversTransport: TRANSPORT,
        },
      },
    },
    serversTransports: { [TRANSPORT]: { forwardingTimeouts: { dialTimeout: DIAL_TIMEOUT } } },
  };
}

interface TcpRouter {
  readonly entryPoints: readonly (keyof typeof TRAEFIK_PORTS)[];
  readonly rule: string;
  readonly service: string;
  readonly middlewares?: readonly string[];
  readonly tls?: { readonly passthrough: boolean };
}

/** TLS of these protocols ends in Stalwart, which learns the client's address by PROXY protocol. */
function tcp(settings: Settings) {
  const { edge, mail } = addresses(settings.host.subnet);
  const { stalwart } = mail;
  const named = {
    rule: certificateNames(settings)
      .map((name) => `HostSNI(\`${name}\`)`)
      .join(" || "),
    tls: { passthrough: true },
  };
  // The server speaks first, in plain text: there is no name to look at.
  const any = { rule: "HostSNI(`*`)" };
  const routes = {
    imaps: { entryPoints: ["imaps"], ...named },
    submissions: { entryPoints: ["submissions"], ...named },
    submission: { entryPoints: ["submission", "submissionTunnel"], ...any },
    sieve: { entryPoints: ["sieve", "sieveTunnel"], ...any },
  } satisfies Record<string, { entryPoints: readonly (keyof typeof TRAEFIK_PORTS)[] }>;
  const names = Object.keys(routes) as (keyof typeof routes)[];
  const service = (port: number, serversTransport: string) => ({
    loadBalancer: { servers: [{ address: `${stalwart}:${port}` }], serversTransport },
  });
  const isLmtp = settings.inboundDelivery === "lmtp";
  const routers: Readonly<Record<string, TcpRouter>> = {
    ...Object.fromEntries(names.map((name) => [name, { ...routes[name], service: name }])),
    ...(isLmtp && {
      lmtp: { entryPoints: ["lmtp"], ...any, middlewares: [CLOUDFLARED_ONLY], service: LMTP_TRANSPORT },
    }),
  };
  return {
    routers,
    ...(isLmtp && { middlewares: { [CLOUDFLARED_ONLY]: { ipAllowList: { sourceRange: [edge.cloudflared] } } } }),
    services: {
      ...Object.fromEntries(names.map((name) => [name, service(STALWART_PORTS[name], TRANSPORT)])),
      ...(isLmtp && { [LMTP_TRANSPORT]: service(STALWART_PORTS.lmtp, LMTP_TRANSPORT) }),
    },
    serversTransports: {
      [TRANSPORT]: { dialTimeout: DIAL_TIMEOUT, proxyProtocol: { version: 2 } },
      ...(isLmtp && { [LMTP_TRANSPORT]: { dialTimeout: DIAL_TIMEOUT } }),
    },
  };
}

/** One certificate for all names, so that Stalwart needs no other; it is dumped for it. */
function tls(settings: Settings) {
  const [main, ...sans] = certificateNames(settings);
  return { certResolver: RESOLVER, domains: [{ main, ...(sans.length > 0 && { sans }) }] };
}
