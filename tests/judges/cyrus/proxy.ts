import { request as httpRequest } from "node:http";
import type { IncomingMessage } from "node:http";
import type { Outbound } from "../../../sandbox/edge/outbound";

/** What the Worker believes it talks to. */
export interface Front {
  /** `https://` origin that leads to Cyrus; every other origin is refused. */
  readonly origin: string;
  /** The Worker's key. */
  readonly token: string;
  readonly jmapPort: number;
  /** Whose login the key stands for. */
  readonly user: string;
  readonly password: string;
  /** Receives every request that passes. */
  readonly onRequest?: (method: string, path: string) => void;
}

const OTHER_STATUS = 421;
/** They belong to one connection (RFC 9110 section 7.6.1), or are made anew. */
const HOP_HEADERS = new Set(["authorization", "connection", "content-length", "host", "transfer-encoding"]);

/**
 * Stands for the proxy that an operator of Cyrus needs: Cyrus knows no Bearer keys, so the Worker's token is exchanged
 * for the login of one user. What that user may do decides to whom the Worker can deliver. Redirects to Cyrus' own name
 * for itself become the proxy's, as every reverse proxy does. Nothing else of an answer is changed.
 */
export function frontOf(front: Front): Outbound {
  return async (request) => {
    const { origin, pathname, search } = new URL(request.url);
    if (origin !== front.origin) return new Response("another server", { status: OTHER_STATUS });
    front.onRequest?.(request.method, pathname);
    const headers = Object.fromEntries([...request.headers].filter(([name]) => !HOP_HEADERS.has(name)));
    const isKnown = request.headers.get("authorization") === `Bearer ${front.token}`;
    const login = Buffer.from(`${front.user}:${front.password}`).toString("base64");
    const backend = `http://127.0.0.1:${front.jmapPort}`;
    const answer = await forward(front.jmapPort, `${pathname}${search}`, {
      method: request.method,
      headers: isKnown ? { ...headers, authorization: `Basic ${login}` } : headers,
      body: Buffer.from(await request.arrayBuffer()),
    });
    const location = answer.headers.get("location");
    if (location?.startsWith(`${backend}/`) === true)
      answer.headers.set("location", `${front.origin}${location.slice(backend.length)}`);
    return answer;
  };
}

interface Forwarded {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** A connection for each request, so that none outlives a restart of Cyrus. */
function forward(port: number, path: string, { method, headers, body }: Forwarded): Promise<Response> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(
      {
        host: "127.0.0.1",
        port,
        path,
        method,
        agent: false,
        headers: method === "GET" ? headers : { ...headers, "content-length": String(body.length) },
      },
      (answer) => void collect(answer).then(resolve, reject),
    );
    sent.once("error", reject);
    sent.end(method === "GET" ? undefined : body);
  });
}

async function collect(answer: IncomingMessage): Promise<Response> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  const headers = new Headers();
  for (const [name, values] of Object.entries(answer.headersDistinct)) {
    if (!HOP_HEADERS.has(name)) for (const value of values ?? []) headers.append(name, value);
  }
  const { statusCode = 500 } = answer;
  const hasBody = statusCode !== 204 && statusCode !== 304;
  return new Response(hasBody ? Buffer.concat(chunks) : null, { status: statusCode, headers });
}
