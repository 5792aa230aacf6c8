import { connect, type Socket } from "node:net";

import { at, isProps, listAt, type Props, textAt, textsAt } from "../../cloud/props";
import type { Container } from "../docker/container";
import { listen, type Loopback } from "../loopback";
import { proxyHeader } from "../proxy-header";
import { serverName } from "./client-hello";

interface TcpRouter {
  /** Names of the rule; `*` for all. */
  readonly names: readonly string[];
  readonly isTls: boolean;
  /** `address:port` of the one server. */
  readonly server: string;
  readonly hasProxyHeader: boolean;
}

export interface TraefikTcp {
  /** Loopback ports by the entry point's own. */
  readonly ports: ReadonlyMap<number, number>;
  readonly close: () => Promise<void>;
}

/**
 * Traefik's TCP side, by its shipped files alone: an entry point with `proxyProtocol` waits for bytes before it does anything,
 * a router with TLS is chosen by the name in the ClientHello, and what fits no router is hung up on.
 *
 * @param dynamic the dynamic configuration, asked for at each connection
 */
export async function startTcp(
  container: Container,
  entryPoints: Readonly<Record<string, Props>>,
  dynamic: () => readonly Props[],
): Promise<TraefikTcp> {
  const ports = new Map<number, number>();
  const opened: Loopback[] = [];
  for (const [name, point] of Object.entries(entryPoints)) {
    const address = textAt(point, "address") ?? "";
    // Loopback of the container.
    if (address.startsWith("127.")) continue;
    const loopback = await listen((client) => {
      const waits = point["proxyProtocol"] !== undefined;
      void carry(container, client, routersAt(name, dynamic()), waits).catch(() => client.destroy());
    });
    opened.push(loopback);
    ports.set(Number(address.slice(address.lastIndexOf(":") + 1)), loopback.port);
  }
  return {
    ports,
    close: async () => {
      await Promise.all(opened.map(({ close }) => close()));
    },
  };
}

async function carry(
  container: Container,
  client: Socket,
  routers: readonly TcpRouter[],
  waits: boolean,
): Promise<void> {
  const plain = routers.find(({ isTls }) => !isTls);
  const hasTls = routers.some(({ isTls }) => isTls);
  let seen: Buffer = Buffer.alloc(0);
  if (waits && !hasTls) seen = await read(client, (bytes) => (bytes.length > 0 ? bytes : undefined));
  let chosen = plain;
  if (hasTls) {
    const name = await read(client, (bytes) => {
      seen = bytes;
      return serverName(bytes);
    });
    chosen = routers.find(({ isTls, names }) => isTls && (names.includes(name) || names.includes("*")));
  }
  if (!chosen) return void client.destroy();
  const colon = chosen.server.lastIndexOf(":");
  const port = container.neighbours.port(chosen.server.slice(0, colon), Number(chosen.server.slice(colon + 1)));
  if (port === undefined) return void client.destroy();
  const server = connect(port, "127.0.0.1");
  server.on("error", () => client.destroy());
  if (chosen.hasProxyHeader) server.write(proxyHeader());
  server.write(seen);
  client.pipe(server).pipe(client);
  client.on("close", () => server.destroy());
  server.on("close", () => client.destroy());
}

/** Reads until `ready` finds what it looks for in all that came. Nothing is lost: the reader hands it on. */
function read<T>(client: Socket, ready: (bytes: Buffer) => T | undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    let bytes: Buffer = Buffer.alloc(0);
    const onData = (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      try {
        const found = ready(bytes);
        if (found === undefined) return;
        client.off("data", onData).pause();
        resolve(found);
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    };
    client.on("data", onData).once("close", () => reject(new Error("the client hung up")));
  });
}

function routersAt(entryPoint: string, files: readonly Props[]): readonly TcpRouter[] {
  const section = (name: string) =>
    Object.assign({}, ...files.map((file) => at(file, `tcp.${name}`)).filter(isProps)) as Record<string, Props>;
  const [services, transports] = [section("services"), section("serversTransports")];
  const middlewares = section("middlewares");
  return (
    Object.values(section("routers"))
      .filter((router) => textsAt(router, "entryPoints").includes(entryPoint))
      // A router whose middleware does not exist is not there. Whom one lets in is not modelled: nobody but cloudflared asks.
      .filter((router) => textsAt(router, "middlewares").every((name) => name in middlewares))
      .map((router) => {
        const service = services[textAt(router, "service") ?? ""] ?? {};
        const transport = transports[textAt(service, "loadBalancer.serversTransport") ?? ""] ?? {};
        return {
          names: namesIn(textAt(router, "rule") ?? ""),
          isTls: router["tls"] !== undefined,
          server: textAt(listAt(service, "loadBalancer.servers")[0] ?? {}, "address") ?? "",
          hasProxyHeader: at(transport, "proxyProtocol.version") === 2,
        };
      })
  );
}

/** @throws Error for a rule that is no list of names: none is guessed at */
function namesIn(rule: string): readonly string[] {
  return rule.split(" || ").map((part) => {
    const name = /^HostSNI\(`([^`]+)`\)$/.exec(part)?.[1];
    if (name === undefined) throw new Error(`the sandbox's Traefik does not know the TCP rule ${rule}`);
    return name;
  });
}
