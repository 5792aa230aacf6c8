/**
 * Names, addresses and ports that the host's services know each other by. Written once: the compose file, Traefik's
 * configuration, Stalwart's plan and the tunnel's ingress rules are made from it.
 */

/** The compose project. */
export const COMPOSE_PROJECT = "mail-stack";

/** Where the compose file and the list of installed files lie, in the apps folder. */
export const COMPOSE_FOLDER = "mail-stack";

/** Services that run all the time. */
export const SERVICES = ["stalwart", "traefik", "cloudflared", "certificates", "arrivals"] as const;

/** Services that run beside them when there is a tailnet; the last two only where it resolves the server's name. */
export const TAILNET_SERVICES = ["tailscale", "zone", "coredns"] as const;
export type ServiceName = (typeof SERVICES)[number] | (typeof TAILNET_SERVICES)[number];

/** Folders in the apps folder that they write to. */
export const TAILNET_FOLDERS = { state: "tailscale/state", run: "tailscale/run", zone: "coredns/zone" } as const;

/** Services of the compose profile `tools`, run once each time: Stalwart's own command line and our program beside it. */
export const TOOLS = ["stalwart-cli", "onhost"] as const;
/** Further ones where there are backups. */
export const BACKUP_TOOLS = ["export", "restic"] as const;
export type ToolName = (typeof TOOLS)[number] | (typeof BACKUP_TOOLS)[number];

/** Stalwart's listeners. There is none on 25: the Worker brings what comes from outside. */
export const STALWART_PORTS = {
  http: 8080,
  imaps: 993,
  submissions: 465,
  submission: 587,
  sieve: 4190,
  /** Only when mail comes that way. */
  lmtp: 24,
} as const;

/** Traefik's entry points. */
export const TRAEFIK_PORTS = {
  /** HTTPS for tailnet clients, under Traefik's own certificate. */
  websecure: 443,
  imaps: 993,
  submissions: 465,
  /** Server-first protocols have entry points of their own: Traefik must not wait for a ClientHello. */
  submission: 587,
  sieve: 4190,
  /** The same for cloudflared: where a PROXY header may come, Traefik waits for one, and cloudflared sends none. */
  submissionTunnel: 10587,
  sieveTunnel: 14190,
  /** From cloudflared alone, for the Worker, and only when mail comes that way. */
  lmtp: 10024,
  /** Plain HTTP from cloudflared for people: the client's address is the one that Cloudflare's edge names. */
  tunnel: 8080,
  /** Plain HTTP from cloudflared for the Worker, behind Access: needs no certificate, and no ban can hit it. */
  inbound: 8081,
  /** Traefik's health check, inside its container. */
  ping: 8082,
  /** Plain HTTP from cloudflared for the web interface, behind Access; the client is named as on `tunnel`. */
  admin: 8083,
} as const;

/** Entry points that the tailnet's machine forwards to, under the same port. */
export const TAILNET_PORTS = [
  "websecure",
  "imaps",
  "submissions",
  "submission",
  "sieve",
] as const satisfies readonly (keyof typeof TRAEFIK_PORTS)[];

/** A network of the compose project. */
export interface Network {
  readonly subnet: string;
  /** The host's own address in it. */
  readonly gateway: string;
  /** Where the engine takes addresses for containers that have no fixed one, so that none ever gets a fixed one. */
  readonly dynamic: string;
}

/** IPv4 addresses and networks out of the stack's /24: the lower half faces the tunnels, the upper half Stalwart. */
export interface Addresses {
  readonly edge: Network & {
    readonly traefik: string;
    readonly cloudflared: string;
    readonly tailscale: string;
  };
  readonly mail: Network & { readonly traefik: string; readonly stalwart: string; readonly arrivals: string };
}

/** `subnet`: `172.30.25.0/24`, as the settings have it. */
export function addresses(subnet: string): Addresses {
  const prefix = subnet.slice(0, subnet.lastIndexOf("."));
  return {
    edge: {
      subnet: `${prefix}.0/25`,
      gateway: `${prefix}.1`,
      dynamic: `${prefix}.64/26`,
      traefik: `${prefix}.10`,
      cloudflared: `${prefix}.20`,
      tailscale: `${prefix}.30`,
    },
    mail: {
      subnet: `${prefix}.128/25`,
      gateway: `${prefix}.129`,
      dynamic: `${prefix}.192/26`,
      traefik: `${prefix}.138`,
      stalwart: `${prefix}.148`,
      arrivals: `${prefix}.158`,
    },
  };
}

/** The address from which Stalwart sees the Worker come; nobody else comes from there (decision 006). */
export function workerAddress(subnet: string): string {
  return addresses(subnet).edge.cloudflared;
}
