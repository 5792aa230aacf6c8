import { quoteTxt } from "./txt";
import type { RecordData } from "./record";

/** Stands for the tunnel's id where none is known: in the zone file, the docs and in keys. */
export const UNKNOWN_TUNNEL = "tunnel-id";

/** Stands for the host's address in the tailnet, of the range that tailnets use (RFC 6598). */
export const UNKNOWN_TAILNET_ADDRESS = "100.64.0.0";

/** The host name under which Cloudflare's edge reaches a tunnel. */
export function tunnelHostname(tunnelId: string): string {
  return `${tunnelId}.cfargotunnel.com`;
}

/** A record's value in presentation format (RFC 1035 section 5.1): host names absolute, TXT quoted and cut. */
export function presentation(data: RecordData, tunnelId = UNKNOWN_TUNNEL): string {
  switch (data.type) {
    case "MX":
      return `${data.priority} ${absolute(data.target)}`;
    case "TXT":
      return quoteTxt(data.text);
    case "CNAME":
      return absolute(typeof data.target === "string" ? data.target : tunnelHostname(tunnelId));
    case "A":
      return UNKNOWN_TAILNET_ADDRESS;
    case "AAAA":
      return data.address;
    case "SRV":
      return `${data.priority} ${data.weight} ${data.port} ${absolute(data.target)}`;
    case "CAA":
      return `${data.flags} ${data.tag} ${quoteTxt(data.value)}`;
  }
}

/** The only place that adds a trailing dot; `.` is the root itself. */
export function absolute(hostname: string): string {
  return hostname === "." ? "." : `${hostname}.`;
}
