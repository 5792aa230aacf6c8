import { TUNNEL, TUNNEL_CONFIG } from "../cloud/kinds/tunnel";
import { at, isProps, listAt, type Props, textAt } from "../cloud/props";
import type { World } from "../cloud/world";
import { isWithin, type ZoneRecord } from "../cloud/zone";
import type { Trace } from "../trace";
import { checkAccess } from "./access";
import { loginUrl } from "./access-login";
import { ASSERTION, refusedByConnector } from "./connector-access";
import type { Host, OriginRequest } from "../host/origin";
import type { Connectors } from "./connector";

const TUNNEL_DOMAIN = ".cfargotunnel.com";

/** Where a request leads, or what Cloudflare answers instead. */
export type Route =
  | { readonly kind: "stopped"; readonly status: number; readonly why: string; readonly location?: string }
  | {
      readonly kind: "service";
      readonly host: Host;
      readonly rule: Props;
      readonly service: URL;
      /** What Access tells the origin; undefined: it is not in front. */
      readonly assertion: string | undefined;
    };

/** DNS, Access, tunnel, ingress rule and its own look at Access, in that order, each as it was declared. */
export function route(world: World, connectors: Connectors, url: URL, headers: Headers, trace: Trace): Route {
  const stop = (status: number, why: string): Route => {
    trace.hop(`${url.hostname}: ${why} (HTTP ${status})`);
    return { kind: "stopped", status, why, ...(status === 302 ? { location: loginUrl(world, url) } : {}) };
  };

  const target = resolve(world, url.hostname);
  if (target === undefined) return stop(530, "the name has no proxied record (error 1016)");
  if (!target.endsWith(TUNNEL_DOMAIN))
    return stop(530, `the name leads to ${target}, which the sandbox does not model`);

  const access = checkAccess(world, url, headers);
  if (access.kind === "refused") return stop(access.status, `Access refused: ${access.why}`);
  if (access.kind === "admitted") trace.hop(`${url.hostname}: Access admitted the service token "${access.token}"`);
  if (access.kind === "person") trace.hop(`${url.hostname}: Access admitted a person who logged in`);

  const tunnelId = target.slice(0, -TUNNEL_DOMAIN.length);
  const host = connectors.of(tunnelId);
  if (!host) return stop(530, "no cloudflared is connected to the tunnel (error 1033)");
  const rules = remoteRules(world, tunnelId);
  if (!rules) return stop(503, "the tunnel has no remote configuration, cloudflared knows no ingress rule");
  const rule = rules.find((candidate) => matches(candidate, url));
  const service = rule ? textAt(rule, "service") : undefined;
  if (!rule || service === undefined) return stop(404, "no ingress rule matches");
  if (service.startsWith("http_status:"))
    return stop(
      Number(service.slice("http_status:".length)),
      `the ingress rule answers ${service}: no rule names ${url.hostname}`,
    );
  // Access takes away what a client writes there itself.
  const assertion = "assertion" in access ? access.assertion : undefined;
  const refused = refusedByConnector(world, rule, assertion);
  if (refused !== undefined) return stop(403, `cloudflared refused: ${refused}`);
  return { kind: "service", host, rule, service: new URL(service), assertion };
}

/**
 * Cloudflare's edge for one HTTPS request to a public name. What Cloudflare answers with an error page is answered with its
 * status here.
 */
export async function frontDoor(
  world: World,
  connectors: Connectors,
  request: Request,
  from: string,
  trace: Trace,
): Promise<Response> {
  const url = new URL(request.url);
  const found = route(world, connectors, url, request.headers, trace);
  if (found.kind === "stopped") {
    const { status, why, location } = found;
    return new Response(why, { status, ...(location === undefined ? {} : { headers: { location } }) });
  }
  const { host, rule, service } = found;
  const stop = (why: string): Response => {
    trace.hop(`${url.hostname}: ${why} (HTTP 502)`);
    return new Response(why, { status: 502 });
  };
  const named = textAt(rule, "service") ?? "";
  if (service.protocol === "tcp:") return stop(`${named} carries TCP, which needs a WebSocket`);

  trace.hop(`tunnel: ${request.method} ${url.hostname} -> ${named}`);
  try {
    const answer = await host.request(service, await originRequest(found, request, url, from));
    if (answer.status >= 400) trace.hop(`${named} answers HTTP ${answer.status}: ${firstLine(answer.body)}`);
    return new Response(hasNoBody(answer.status) ? null : new Uint8Array(answer.body), {
      status: answer.status,
      headers: { ...answer.headers },
    });
  } catch (error) {
    return stop(`cloudflared cannot reach ${named}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function originRequest(
  { rule, assertion }: Route & { readonly kind: "service" },
  request: Request,
  url: URL,
  from: string,
): Promise<OriginRequest> {
  const options = at(rule, "originRequest");
  const asked = isProps(options) ? options : {};
  const headers = new Headers(request.headers);
  // Access takes its secret away before the request leaves the edge.
  for (const name of ["cf-access-client-id", "cf-access-client-secret", "cf-access-token"]) headers.delete(name);
  headers.delete(ASSERTION);
  if (assertion !== undefined) headers.set(ASSERTION, assertion);
  headers.set("cf-connecting-ip", from);
  // The edge adds to what the client wrote there.
  headers.set("x-forwarded-for", [headers.get("x-forwarded-for") ?? [], from].flat().join(", "));
  headers.set("host", textAt(asked, "httpHostHeader") ?? url.hostname);
  const sni = textAt(asked, "originServerName");
  return {
    method: request.method,
    path: `${url.pathname}${url.search}`,
    headers: Object.fromEntries(headers),
    body: Buffer.from(await request.arrayBuffer()),
    ...(sni === undefined ? {} : { sni }),
    noTlsVerify: asked["noTlsVerify"] === true,
  };
}

function firstLine(body: Buffer): string {
  return body.toString("utf8").split("\n", 1)[0]?.slice(0, 120) ?? "";
}

/** `Response` refuses a body for these. */
function hasNoBody(status: number): boolean {
  return status === 204 || status === 205 || status === 304;
}

/** The end of the CNAME chain that starts at a proxied record of one of the account's zones. */
function resolve(world: World, hostname: string): string | undefined {
  let name = hostname;
  for (let hops = 0; hops < 5; hops += 1) {
    const record = recordsAt(world, name).find(
      (candidate) => candidate.type === "CNAME" && (hops > 0 || candidate.proxied),
    );
    if (!record) return hops === 0 ? undefined : name;
    name = record.content;
    if (name.endsWith(TUNNEL_DOMAIN)) return name;
  }
  return undefined;
}

function recordsAt(world: World, name: string): readonly ZoneRecord[] {
  const zone = world.zones.find((candidate) => isWithin(candidate, name));
  return zone ? zone.records.filter((record) => record.name === name) : [];
}

function remoteRules(world: World, tunnelId: string): readonly Props[] | undefined {
  const tunnel = world.all(TUNNEL).find((remote) => remote.id === tunnelId);
  if (tunnel?.props["configSrc"] !== "cloudflare") return undefined;
  const config = world.find(TUNNEL_CONFIG, (props) => props["tunnelId"] === tunnelId);
  return config ? listAt(config.props, "config.ingresses") : undefined;
}

function matches(rule: Props, url: URL): boolean {
  const hostname = textAt(rule, "hostname");
  const path = textAt(rule, "path");
  const nameFits =
    hostname === undefined ||
    hostname === url.hostname ||
    (hostname.startsWith("*.") && url.hostname.endsWith(hostname.slice(1)));
  return nameFits && (path === undefined || new RegExp(path).test(url.pathname));
}
