/** One HTTP request inside the compose network. */
export interface OriginRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** With `host`: the Host header that arrives. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  /** Server name of the TLS handshake; absent: the service's own name. */
  readonly sni?: string;
  readonly noTlsVerify: boolean;
}

export interface OriginResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** The origin could not be reached; the text is what the asker logs. */
export class OriginError extends Error {
  override readonly name = "OriginError";
}

/** What cloudflared sends requests to. */
export interface Host {
  /** Rejects with an {@link OriginError} when cloudflared would get no HTTP answer (and answer 502 itself). */
  readonly request: (service: URL, request: OriginRequest) => Promise<OriginResponse>;
  /** Loopback port behind a service `tcp://name:port`; undefined when nobody listens there. */
  readonly port?: (service: URL) => number | undefined;
}

/** Connection-level headers belong to each hop. */
const HOP_HEADERS = new Set(["connection", "content-length", "host", "keep-alive", "transfer-encoding"]);

/** Sends the request to an HTTP server on loopback. Rejects when nobody listens or the connection breaks. */
export async function forward(port: number, { method, path, headers, body }: OriginRequest): Promise<OriginResponse> {
  const passed = Object.entries(headers).filter(([name]) => !HOP_HEADERS.has(name.toLowerCase()));
  const hasBody = body !== undefined && method !== "GET" && method !== "HEAD";
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: passed.map(([name, value]): [string, string] => [name, value]),
    redirect: "manual",
    ...(hasBody ? { body: new Uint8Array(body) } : {}),
  });
  const kept = [...response.headers].filter(([name]) => !HOP_HEADERS.has(name));
  return {
    status: response.status,
    headers: Object.fromEntries(kept),
    body: Buffer.from(await response.arrayBuffer()),
  };
}

export function header(headers: Readonly<Record<string, string>>, name: string): string | undefined {
  return Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
}

export function text(status: number, body: string): OriginResponse {
  return { status, headers: { "content-type": "text/plain; charset=utf-8" }, body: Buffer.from(body) };
}
