import type { Settings } from "../../infra/settings/settings";
import type { Provider } from "../../worker/src/provider";

/** What the public Worker of the stack tells clients: the same as its bindings. */
export function providerOf({ domain, hostnames, services }: Settings): Provider {
  return {
    domain,
    server: hostnames.server,
    clients: hostnames.clients,
    displayName: domain,
    services: new Set(services),
  };
}
