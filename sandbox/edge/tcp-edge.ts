import type { IncomingMessage } from "node:http";

import type { World } from "../cloud/world";
import { newTrace, type Trace } from "../trace";
import { AUTH_DOMAIN, certs, metadata } from "./access-login";
import type { Connectors } from "./connector";
import { route } from "./front-door";
import { type RefusedUpgrade, startTcpRelay, type TcpRelay } from "./tcp-relay";

/** A port that everybody refuses. */
const NOBODY = 0;

/**
 * The edge's listener for WebSockets: what `cloudflared access tcp` connects to (2026.8.2: carrier/websocket.go). The name in
 * `Host` leads the way; Access and the ingress rule are those that were declared, and the bytes go to the service behind it.
 */
export function startTcpEdge(world: World, connectors: Connectors, trace: Trace = newTrace()): Promise<TcpRelay> {
  const led = (request: IncomingMessage) => route(world, connectors, urlOf(request), headersOf(request), trace);
  return startTcpRelay({
    target: (request) => {
      const found = led(request);
      return found.kind === "service" ? (found.host.port?.(found.service) ?? NOBODY) : NOBODY;
    },
    admit: (request) => {
      const found = aboutAccess(world, request) ?? led(request);
      if (!("kind" in found)) return found;
      if (found.kind === "stopped") {
        const { status, why, location } = found;
        return { status, body: why, ...(location === undefined ? {} : { headers: { location } }) };
      }
      return found.service.protocol === "tcp:"
        ? undefined
        : { status: 501, body: "the sandbox carries WebSockets to TCP services only" };
    },
  });
}

/** What Access itself answers: its public keys, and which application guards a name (token/token.go, token/jwks.go). */
function aboutAccess(world: World, request: IncomingMessage): RefusedUpgrade | undefined {
  const { hostname, pathname } = urlOf(request);
  if (hostname === AUTH_DOMAIN) return ofAuthDomain(world, pathname);
  if (request.headers["cf-access-metadata-request"] !== "true") return undefined;
  const told = metadata(world, hostname);
  return told === undefined ? undefined : { status: 200, headers: { "cf-access-metadata": told } };
}

/** The keys, and the login page, whose headers tell a cloudflared of July 2026 which application it is of (token/token.go). */
function ofAuthDomain(world: World, pathname: string): RefusedUpgrade {
  if (pathname === "/cdn-cgi/access/certs")
    return { status: 200, headers: { "content-type": "application/json" }, body: certs(world) };
  const application = /^\/cdn-cgi\/access\/login\/([^/]+)$/.exec(pathname)?.[1];
  return application === undefined ? { status: 404 } : { status: 200, headers: { "cf-access-domain": application } };
}

function urlOf({ url = "/", headers }: IncomingMessage): URL {
  return new URL(url, `https://${headers.host ?? ""}`);
}

function headersOf({ headersDistinct }: IncomingMessage): Headers {
  const headers = new Headers();
  for (const [name, values] of Object.entries(headersDistinct))
    for (const value of values ?? []) headers.append(name, value);
  return headers;
}
