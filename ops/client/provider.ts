import type { Provider } from "../../worker/src/provider";
import type { ClientSettings } from "./settings";

/** What the public Worker of the stack tells clients: the same as its bindings. */
export function providerOf({ domain, hostnames, services }: ClientSettings): Provider {
  return {
    domain,
    server: hostnames.server,
    clients: hostnames.clients,
    displayName: domain,
    services: new Set(services),
  };
}
