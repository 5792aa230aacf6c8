import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";

import type { Tailnet } from "../../cloud/tailnet";
import { isProps } from "../../cloud/props";
import type { World } from "../../cloud/world";
import type { Container, Process, Program } from "../docker/container";

const STATE_FILE = "tailscaled.state";

/** The tailnet's sidecar: joins with its key, keeps its identity, tells its address and says what it forwards. */
export function tailscale(world: World): Program {
  return {
    async start(container): Promise<Process> {
      const { environment } = container.service;
      const socket = container.hostPath(environment["TS_SOCKET"] ?? "");
      // What is in the configuration's folder is read and refused as the real one does.
      forwarded(container);
      const joined = identity(world.tailnet, container);
      const server = await localApi(socket, world.tailnet, joined);
      return {
        probe: ([program, , verb]) => {
          if (program !== "tailscale" || verb !== "ip")
            throw new Error(`the sandbox does not know the health check ${program ?? ""} ${verb ?? ""}`);
          return Promise.resolve(typeof joined === "object" ? true : "never");
        },
        stop: async () => {
          await new Promise((resolve) => server.close(resolve));
          rmSync(socket, { force: true });
        },
      };
    },
  };
}

/** The target by port. @throws Error for a configuration that tailscaled refuses. */
export function forwarded(container: Container): Readonly<Record<string, string>> {
  const config: unknown = JSON.parse(container.read(container.service.environment["TS_SERVE_CONFIG"] ?? ""));
  const tcp = isProps(config) && isProps(config["TCP"]) ? config["TCP"] : {};
  return Object.fromEntries(
    Object.entries(tcp).map(([port, handler]) => {
      const { TCPForward: target, ProxyProtocol: version } = isProps(handler) ? handler : {};
      if (typeof target !== "string" || version !== 2) throw new Error(`serve config: port ${port} has no handler`);
      return [port, target];
    }),
  );
}

/** The machine's id, from the state or by joining; a text says why it could not join. */
function identity(tailnet: Tailnet, container: Container): { readonly nodeId: string } | string {
  const { environment } = container.service;
  const folder = container.hostPath(environment["TS_STATE_DIR"] ?? "");
  const file = join(folder, STATE_FILE);
  if (existsSync(file)) return { nodeId: readFileSync(file, "utf8") };
  const [, path = ""] = /^file:(.*)$/.exec(environment["TS_AUTHKEY"] ?? "") ?? [];
  try {
    const { nodeId } = tailnet.join(container.read(path).trim(), environment["TS_HOSTNAME"] ?? "");
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(file, nodeId, { mode: 0o600 });
    return { nodeId };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** `GET /localapi/v0/status` over the socket, as the real one answers it. */
async function localApi(
  socket: string,
  tailnet: Tailnet,
  joined: { readonly nodeId: string } | string,
): Promise<Server> {
  const server = createServer((request, response) => {
    if (request.headers.host !== "local-tailscaled.sock" || request.url?.startsWith("/localapi/v0/status") !== true) {
      response.writeHead(403).end();
      return;
    }
    const machine =
      typeof joined === "object" ? tailnet.machines.find(({ nodeId }) => nodeId === joined.nodeId) : undefined;
    const status = machine
      ? { BackendState: "Running", TailscaleIPs: machine.addresses, Self: { ID: machine.nodeId }, Health: [] }
      : {
          BackendState: "NeedsLogin",
          TailscaleIPs: null,
          Self: { ID: "" },
          Health: typeof joined === "string" ? [joined] : [],
        };
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(status));
  });
  rmSync(socket, { force: true });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(socket, resolve));
  chmodSync(socket, 0o666);
  return server;
}
