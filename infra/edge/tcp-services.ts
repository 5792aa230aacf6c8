import type { Settings, TunnelledService } from "../settings/settings";
import { TRAEFIK_PORTS } from "../host/layout";

/** A service that the tunnel carries as TCP: cloudflared takes the first rule that fits a name, so each has one of its own. */
export interface TcpService {
  readonly service: TunnelledService;
  readonly hostname: string;
  /** Traefik's entry point for it. */
  readonly port: number;
}

/** No PROXY header comes from cloudflared, for which Traefik would wait on `sieve`. */
const ENTRY_POINTS = {
  imaps: TRAEFIK_PORTS.imaps,
  submissions: TRAEFIK_PORTS.submissions,
  sieve: TRAEFIK_PORTS.sieveTunnel,
} as const satisfies Record<TunnelledService, number>;

/** What the tunnel carries for laptops. Nothing when nobody may use it: a name without a guard must not exist. */
export function tcpServices({
  hostnames,
  clientTcp,
}: Pick<Settings, "hostnames" | "clientTcp">): readonly TcpService[] {
  if (clientTcp.people.length === 0) return [];
  return clientTcp.services.map((service) => ({
    service,
    hostname: hostnames.tcp[service],
    port: ENTRY_POINTS[service],
  }));
}
