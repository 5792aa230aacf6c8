/** The host's services as cloudflared reaches them inside the compose network. */
export interface HostOptions {
  /** The name that Traefik's certificate and its only router are for. */
  readonly serverHostname: string;
  /** Loopback port of the JMAP server behind Traefik. */
  readonly jmapPort: number;
}

/** One request of cloudflared to an ingress rule's service. */
export interface OriginRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** With `host`: the Host header that arrives, after `httpHostHeader`. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  /** Server name of the TLS handshake, from `originServerName`; absent: the service's own name. */
  readonly sni?: string;
  readonly noTlsVerify: boolean;
}

export interface OriginResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface Host {
  /** Rejects with an {@link OriginError} when cloudflared would get no HTTP answer (and answer 502 itself). */
  readonly request: (service: URL, request: OriginRequest) => Promise<OriginResponse>;
}

/** The origin could not be reached; the text is what cloudflared logs. */
export class OriginError extends Error {
  override readonly name = "OriginError";
}

const TRAEFIK = "traefik";
const TRAEFIK_PORT = 443;
const DEFAULT_PORTS: Readonly<Record<string, number>> = { "https:": 443, "http:": 80 };
/** Connection-level headers belong to each hop. */
const HOP_HEADERS = new Set(["connection", "content-length", "host", "keep-alive", "transfer-encoding"]);

/** Traefik in front of the JMAP server: what it lets through and how it says no. */
export function createHost(options: HostOptions): Host {
  return { request: (service, request) => route(options, service, request) };
}

async function route(options: HostOptions, service: URL, request: OriginRequest): Promise<OriginResponse> {
  const port = service.port === "" ? DEFAULT_PORTS[service.protocol] : Number(service.port);
  if (service.hostname !== TRAEFIK)
    throw new OriginError(`Unable to reach the origin service: dial tcp: lookup ${service.hostname}: no such host`);
  if (port !== TRAEFIK_PORT)
    throw new OriginError(
      `Unable to reach the origin service: dial tcp: connect ${TRAEFIK}:${port ?? "?"}: connection refused`,
    );
  if (service.protocol !== "https:") return text(400, "Client sent an HTTP request to an HTTPS server.\n");

  const serverName = request.sni ?? service.hostname;
  if (serverName !== options.serverHostname && !request.noTlsVerify)
    throw new OriginError(
      "Unable to reach the origin service: tls: failed to verify certificate: " +
        `x509: certificate is valid for ${options.serverHostname}, not ${serverName}`,
    );
  const host = header(request.headers, "host")?.split(":", 1)[0]?.toLowerCase();
  if (host !== options.serverHostname) return text(404, "404 page not found\n");
  return await forward(options.jmapPort, request);
}

async function forward(port: number, { method, path, headers, body }: OriginRequest): Promise<OriginResponse> {
  const passed = Object.entries(headers).filter(([name]) => !HOP_HEADERS.has(name.toLowerCase()));
  const hasBody = body !== undefined && method !== "GET" && method !== "HEAD";
  let response;
  try {
    response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: passed.map(([name, value]): [string, string] => [name, value]),
      redirect: "manual",
      ...(hasBody ? { body: new Uint8Array(body) } : {}),
    });
  } catch {
    // Traefik is there and its backend is not.
    return text(502, "Bad Gateway");
  }
  const kept = [...response.headers].filter(([name]) => !HOP_HEADERS.has(name));
  return {
    status: response.status,
    headers: Object.fromEntries(kept),
    body: Buffer.from(await response.arrayBuffer()),
  };
}

function header(headers: Readonly<Record<string, string>>, name: string): string | undefined {
  return Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
}

function text(status: number, body: string): OriginResponse {
  return { status, headers: { "content-type": "text/plain; charset=utf-8" }, body: Buffer.from(body) };
}
