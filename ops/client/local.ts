import type { TunnelledService } from "../../infra/settings/settings";
import { type TcpService, tcpServices } from "../../infra/edge/tcp-services";
import { laptopHostname } from "../../infra/settings/clients";
import { type ClientSettings, hostDomainOf } from "./settings";

/**
 * Ports on the laptop: the service's own and a thousand, because those below 1024 are the system's on Linux. They stay the
 * same for ever: mail programs have them in their settings.
 */
export const LOCAL_PORTS = { imaps: 1993, submissions: 1465, sieve: 15_190 } as const satisfies Record<
  TunnelledService,
  number
>;

/** Not `localhost`, which is ::1 for some programs and 127.0.0.1 for others. */
export const LOCAL_ADDRESS = "127.0.0.1";

/** One `cloudflared access tcp` on the laptop. */
export interface Forward extends TcpService {
  readonly localPort: number;
  /** For the log and the list of services, `augustin.ai imaps`. */
  readonly title: string;
  /** Of the unit, without ending: `mail-augustin.ai-imaps`. */
  readonly unit: string;
  /** The program and its arguments. The person logs in with a browser: there is no secret. */
  readonly command: readonly string[];
}

/** What runs on the laptop, a process for each service of the tunnel; one for all domains of the host. */
export function forwards(settings: ClientSettings): readonly Forward[] {
  const domain = hostDomainOf(settings);
  return tcpServices(settings).map((tcp) => {
    const localPort = LOCAL_PORTS[tcp.service];
    return {
      ...tcp,
      localPort,
      title: `${domain} ${tcp.service}`,
      unit: `mail-${domain}-${tcp.service}`,
      command: [
        ...["cloudflared", "access", "tcp"],
        ...["--hostname", tcp.hostname],
        ...["--url", `${LOCAL_ADDRESS}:${localPort}`],
      ],
    };
  });
}

/** The line of the hosts file: the certificate's name must lead to the laptop itself. */
export function hostsLine(settings: ClientSettings): string {
  return `${LOCAL_ADDRESS} ${laptopHostname({ domain: hostDomainOf(settings) })}`;
}
