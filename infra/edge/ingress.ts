import type * as cloudflare from "@pulumi/cloudflare";
import type * as pulumi from "@pulumi/pulumi";

import { TRAEFIK_PORTS } from "../host/layout";
import { ADMINISTRATION_PREFIXES } from "../host/traefik/served-paths";
import type { Settings } from "../settings/settings";
import { tcpServices } from "./tcp-services";

/** Where cloudflared finds the reverse proxy on the compose network. */
const REVERSE_PROXY = "traefik";

/** A public name, or paths of one, that the tunnel leads to an entry point of the reverse proxy. */
export interface Door {
  readonly hostname: string;
  /** Go regular expression for the request's path; undefined: every path. */
  readonly path?: string;
  readonly service: string;
  /** The Access applications in front of it, by their domain (`stalwart.example.org/admin`); without one, everybody is let in. */
  readonly guardedBy: readonly string[];
}

/** What cloudflared must know to check Access's tokens itself. */
export interface AccessCheck {
  /** Of the Zero Trust organisation: `TEAM.cloudflareaccess.com` has the keys that tokens are signed with. */
  readonly teamName: string;
  /** The audience (`aud`) of the tokens of an Access application, by its domain. */
  readonly audienceOf: (domain: string) => pulumi.Input<string>;
}

type Rule = cloudflare.types.input.ZeroTrustTunnelCloudflaredConfigConfigIngress;

/**
 * Each name goes to its own entry point of the reverse proxy under the name that was asked for: what is said of a client's
 * address there differs. Every other public name is answered at the edge (decision 005). cloudflared takes the first that fits.
 */
export function doors(settings: Settings): readonly Door[] {
  const { hostnames, inboundDelivery, adminAccess } = settings;
  const http = (port: number) => `http://${REVERSE_PROXY}:${port}`;
  const guarded = (hostname: string, service: string): Door => ({ hostname, service, guardedBy: [hostname] });
  const tcp = (hostname: string, port: number) => guarded(hostname, `tcp://${REVERSE_PROXY}:${port}`);
  return [
    ...(adminAccess === "access" ? [administration(hostnames.server, http(TRAEFIK_PORTS.admin))] : []),
    { hostname: hostnames.server, service: http(TRAEFIK_PORTS.tunnel), guardedBy: [] },
    guarded(hostnames.inbound, http(TRAEFIK_PORTS.inbound)),
    ...tcpServices(settings).map(({ hostname, port }) => tcp(hostname, port)),
    ...(inboundDelivery === "lmtp" ? [tcp(hostnames.lmtp, TRAEFIK_PORTS.lmtp)] : []),
  ];
}

/** The domains of the Access applications in front of the web interface. */
export function administrationDomains(server: string): readonly string[] {
  return ADMINISTRATION_PREFIXES.map((path) => `${server}${path}`);
}

/**
 * The rules for these doors. Where Access is in front, cloudflared refuses requests without an Access token: when somebody
 * deletes an application by hand, its door closes instead of opening. The last rule must match everything (cloudflared, ingress).
 */
export function ingressRules(all: readonly Door[], { teamName, audienceOf }: AccessCheck): Rule[] {
  const rules = all.map(({ hostname, path, service, guardedBy }): Rule => {
    const access = { required: true, teamName, audTags: guardedBy.map(audienceOf) };
    return {
      hostname,
      ...(path === undefined ? {} : { path }),
      service,
      ...(guardedBy.length === 0 ? {} : { originRequest: { access } }),
    };
  });
  return [...rules, { service: "http_status:404" }];
}

/** Even if cloudflared and Traefik read a path differently: the entry point for people does not know these paths at all. */
function administration(server: string, service: string): Door {
  const names = ADMINISTRATION_PREFIXES.map((path) => path.slice(1));
  return {
    hostname: server,
    path: `^/(${names.join("|")})(/|$)`,
    service,
    guardedBy: administrationDomains(server),
  };
}
