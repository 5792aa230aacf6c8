import type * as cloudflare from "@pulumi/cloudflare";

import { TRAEFIK_PORTS } from "../host/layout";
import type { Settings } from "../settings/settings";
import type { TcpService } from "./tcp-services";

/** Where cloudflared finds the reverse proxy on the compose network. */
const REVERSE_PROXY = "traefik";

/** A TCP service: the name it has at the edge, and the reverse proxy's entry point for it. */
export type TunnelledTcp = Pick<TcpService, "hostname" | "port">;

/**
 * Each name goes to its own entry point of the reverse proxy under the name that was asked for: what is said of a client's
 * address there differs. Every other public name is answered at the edge (decision 005). The last rule must match everything
 * (cloudflared, ingress rules).
 */
export function ingressRules(
  hostnames: Settings["hostnames"],
  tcp: readonly TunnelledTcp[],
): cloudflare.types.input.ZeroTrustTunnelCloudflaredConfigConfigIngress[] {
  return [
    { hostname: hostnames.server, service: `http://${REVERSE_PROXY}:${TRAEFIK_PORTS.tunnel}` },
    { hostname: hostnames.inbound, service: `http://${REVERSE_PROXY}:${TRAEFIK_PORTS.inbound}` },
    ...tcp.map(({ hostname, port }) => ({ hostname, service: `tcp://${REVERSE_PROXY}:${port}` })),
    { service: "http_status:404" },
  ];
}
