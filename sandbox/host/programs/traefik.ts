import { readdirSync } from "node:fs";
import { isIP } from "node:net";

import { parse } from "yaml";

import { isProps, type Props, textAt } from "../../cloud/props";
import type { Container, Destination, Process, Program } from "../docker/container";
import { header, OriginError, type OriginRequest, type OriginResponse, text } from "../origin";
import { startTcp } from "./traefik-tcp";
import { ruleMatches, type Router, type TraefikConfig, traefikConfig } from "./traefik-config";

const INSTALL_CONFIGURATION = "/etc/traefik/traefik.yaml";

/** Traefik: its shipped files alone say which entry point, router and middleware answers, and where TCP goes. */
export const traefik: Program = {
  async start(container): Promise<Process> {
    const fixed = readYaml(container, INSTALL_CONFIGURATION);
    const folder = textAt(fixed, "providers.file.directory");
    if (folder === undefined) throw new Error("traefik: no file provider with a directory");
    for (const address of Object.values(traefikConfig(fixed, []).entryPoints)) refuseForeign(container, address);
    const config = () => traefikConfig(fixed, dynamicFiles(container, folder));
    config();
    const points = Object.entries(isProps(fixed["entryPoints"]) ? fixed["entryPoints"] : {});
    const tcp = await startTcp(
      container,
      Object.fromEntries(points.flatMap(([name, point]) => (isProps(point) ? [[name, point]] : []))),
      () => dynamicFiles(container, folder),
    );
    return {
      ports: () => tcp.ports,
      http: (to, request) => answer(container, config(), to, request),
      probe: ([program, verb]) => {
        if (program !== "traefik" || verb !== "healthcheck")
          throw new Error(`the sandbox does not know the health check ${program ?? ""}`);
        const { pingEntryPoint, entryPoints } = config();
        return Promise.resolve(pingEntryPoint !== undefined && entryPoints[pingEntryPoint] !== undefined);
      },
      stop: () => tcp.close(),
    };
  },
};

/** Undefined: nothing listens at this address and port. */
function answer(
  container: Container,
  config: TraefikConfig,
  to: Destination,
  request: OriginRequest,
): Promise<OriginResponse> | undefined {
  const listening = Object.entries(config.entryPoints).find(([, address]) => {
    const at = address.lastIndexOf(":");
    return Number(address.slice(at + 1)) === to.port && ["", to.address].includes(address.slice(0, at));
  });
  if (!listening) return undefined;
  const [entryPoint] = listening;
  const host = header(request.headers, "host")?.split(":", 1)[0]?.toLowerCase() ?? "";
  const [path = ""] = request.path.split("?", 1);
  const router = config.routers
    .filter(({ isTls, entryPoints }) => !isTls && entryPoints.includes(entryPoint))
    .filter(({ rule }) => ruleMatches(rule, host, path, (name) => header(request.headers, name)))
    // The longest rule wins.
    .sort((a, b) => b.rule.length - a.rule.length)[0];
  return router ? route(container, config, router, to, request) : Promise.resolve(text(404, "404 page not found\n"));
}

async function route(
  container: Container,
  config: TraefikConfig,
  router: Router,
  to: Destination,
  request: OriginRequest,
): Promise<OriginResponse> {
  let headers = forwarded(request.headers, to.from);
  for (const name of router.middlewares) {
    const passed = throughMiddleware(config, name, headers);
    if ("answer" in passed) return passed.answer;
    headers = passed.headers;
  }
  const server = config.services[router.service];
  if (server === undefined) return text(404, "404 page not found\n");
  const { hostname, port } = new URL(server);
  try {
    return await container.neighbours.request(hostname, Number(port), { ...request, headers });
  } catch (error) {
    // Traefik is there and its backend is not.
    if (error instanceof OriginError || error instanceof TypeError) return text(502, "Bad Gateway");
    throw error;
  }
}

/** What a client writes of these is not believed from a peer that is not trusted; the peer's address is added. */
function forwarded(headers: Readonly<Record<string, string>>, from: string | undefined): Record<string, string> {
  const kept = Object.entries(headers).filter(([name]) => !/^x-(forwarded-|real-ip$)/i.test(name));
  return { ...Object.fromEntries(kept), "x-forwarded-for": from ?? "127.0.0.1", "x-real-ip": from ?? "127.0.0.1" };
}

type Passed = { readonly headers: Record<string, string> } | { readonly answer: OriginResponse };

function throughMiddleware(config: TraefikConfig, name: string, headers: Record<string, string>): Passed {
  const middleware = config.middlewares[name];
  // A router whose middleware does not exist is not there.
  const missing = { answer: text(404, "404 page not found\n") };
  if (middleware === undefined) return missing;
  const changes = middleware["headers"];
  const plugin = middleware["plugin"];
  if (isProps(changes)) {
    const custom = changes["customRequestHeaders"];
    const set = Object.entries(isProps(custom) ? custom : {}).map(([key, value]) => [key.toLowerCase(), String(value)]);
    const all = { ...lowered(headers), ...(Object.fromEntries(set) as Record<string, string>) };
    return { headers: Object.fromEntries(Object.entries(all).filter(([, value]) => value !== "")) };
  }
  if (isProps(plugin)) {
    const [called = ""] = Object.keys(plugin);
    if (!config.plugins.includes(called)) return missing;
    if (called !== "clientaddress") throw new Error(`the sandbox's Traefik does not know the plugin ${called}`);
    return byClientAddress(lowered(headers));
  }
  throw new Error(`the sandbox's Traefik does not know the middleware ${name}: ${Object.keys(middleware).join(", ")}`);
}

/** The shipped plugin is Go, which nothing here can read: this is what it does. */
function byClientAddress(headers: Record<string, string>): Passed {
  const client = headers["cf-connecting-ip"];
  if (client === undefined || isIP(client) === 0)
    return { answer: text(400, "CF-Connecting-IP names no client address.\n") };
  const others = Object.entries(headers).filter(([name]) => name !== "forwarded");
  return { headers: { ...Object.fromEntries(others), "x-forwarded-for": client, "x-real-ip": client } };
}

function lowered(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function dynamicFiles(container: Container, folder: string): readonly Props[] {
  const files = readdirSync(container.hostPath(folder)).filter(
    (name) => /\.ya?ml$/.test(name) && !name.startsWith("."),
  );
  return files.sort().map((name) => readYaml(container, `${folder}/${name}`));
}

function readYaml(container: Container, path: string): Props {
  const content: unknown = parse(container.read(path));
  if (!isProps(content)) throw new Error(`traefik: ${path} holds no configuration`);
  return content;
}

function refuseForeign(container: Container, address: string): void {
  const host = address.slice(0, address.lastIndexOf(":"));
  const own = ["", "127.0.0.1", "0.0.0.0", ...Object.values(container.service.networks)];
  if (!own.includes(host)) throw new Error(`traefik: listen tcp ${address}: bind: cannot assign requested address`);
}
