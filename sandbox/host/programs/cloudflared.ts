import type { Connectors } from "../../edge/connector";
import type { World } from "../../cloud/world";
import type { Process, Program } from "../docker/container";
import type { Host } from "../origin";

/** cloudflared: dials out with the token that it finds, and hands requests on to whom the ingress rules name. */
export function cloudflared(world: World, connectors: Connectors): Program {
  return {
    start(container): Promise<Process> {
      const command = container.service.command ?? [];
      if (command[0] !== "tunnel" || !command.includes("run"))
        return Promise.reject(new Error(`cloudflared: unknown command ${command.join(" ")}`));
      const token = container.secret("TUNNEL_TOKEN");
      if (token === undefined) return Promise.reject(new Error('cloudflared: "tunnel run" requires a token'));
      const home: Host = {
        request: (service, request) => container.neighbours.request(service.hostname, portOf(service), request),
        port: (service) => container.neighbours.port(service.hostname, portOf(service)),
      };
      // The real one tries again for ever and is not ready meanwhile.
      const isConnected = (() => {
        try {
          connectors.connect(world, token, home);
          return true;
        } catch {
          return false;
        }
      })();
      return Promise.resolve({
        probe: ([program, ...args]) => {
          if (program !== "cloudflared" || args.at(-1) !== "ready")
            throw new Error(`the sandbox does not know the health check ${program ?? ""} ${args.join(" ")}`);
          return Promise.resolve(isConnected ? true : "never");
        },
        stop: () => {
          connectors.disconnect(home);
          return Promise.resolve();
        },
      });
    },
  };
}

/** The last one is cloudflared's own. */
const DEFAULT_PORTS: Readonly<Record<string, number>> = { "https:": 443, "http:": 80, "tcp:": 7864 };

function portOf(service: URL): number {
  return service.port === "" ? (DEFAULT_PORTS[service.protocol] ?? 0) : Number(service.port);
}
