import { tcpServices } from "../edge/tcp-services";
import { laptopHostname } from "../settings/clients";
import type { Settings } from "../settings/settings";

/** The names that clients connect to, the server's first. A laptop uses a name of its own at its end of the TCP tunnel. */
export function certificateNames(settings: Settings): readonly string[] {
  const { server, clients } = settings.hostnames;
  const laptop = tcpServices(settings).length > 0 ? [laptopHostname(settings)] : [];
  return [...new Set([server, clients, ...laptop])];
}
