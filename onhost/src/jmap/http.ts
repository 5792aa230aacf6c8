import { createReadStream } from "node:fs";
import type * as http from "node:http";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { reasonOf } from "../fault";
import { lazily } from "../lazily";
import { Trouble } from "./trouble";

/** A page of 1,000 e-mails' properties is below 1 MB; a list of all contacts may be larger. */
const MAX_JSON_BYTES = 64 * 1024 * 1024;
/** Without a byte in either direction. A slow line is no reason to give up, silence is. */
const SILENCE_MS = 60_000;
const MAX_RETRY_AFTER_MS = 60_000;

const [OK, MULTIPLE_CHOICES, BAD_REQUEST, NOT_FOUND, TOO_MANY] = [200, 300, 400, 404, 429];
const FIRST_SERVER_ERROR = 500;
/** RFC 9110: the server has not done what was asked. */
const UNAVAILABLE = 503;

/** What is sent: text, or a file of so many bytes, which is never in memory as a whole. */
export type Body = { readonly text: string } | { readonly file: string; readonly size: number };

export interface Request {
  readonly method: "GET" | "POST";
  readonly url: URL;
  readonly type?: string;
  readonly body?: Body;
  /** What is being done, for messages: `upload`. */
  readonly step: string;
  /** Whether the answer may come compressed; a message's bytes come as they are. */
  readonly takesGzip?: boolean;
}

export interface Received {
  readonly status: number;
  readonly location: string | undefined;
  readonly body: Readable;
}

type Scheme = "http:" | "https:";

/** Node's clients, loaded when one is used: a command that asks a server nothing or little ends before they would be there. */
const CLIENTS = {
  "http:": lazily(() => process.getBuiltinModule("node:http")),
  "https:": lazily(() => process.getBuiltinModule("node:https")),
} as const;

/** Connections that stay open between requests. */
export interface Http {
  /** Hands a 2xx answer (3xx too) over to `read`; every other outcome is thrown as `Trouble`. */
  readonly send: <T>(request: Request, read: (received: Received) => Promise<T>) => Promise<T>;
  /** Requests that were sent, and bytes of answers. */
  readonly traffic: { requests: number; bytes: number };
  readonly close: () => void;
}

/** `authorization`: the header's value. `connections`: open at once. */
export function createHttp(authorization: string, connections: number): Http {
  const traffic = { requests: 0, bytes: 0 };
  const limits = { keepAlive: true, maxSockets: connections };
  const agents = new Map<Scheme, http.Agent>();
  return { send, traffic, close };

  async function send<T>(request: Request, read: (received: Received) => Promise<T>): Promise<T> {
    const response = await exchange(request);
    const status = response.statusCode ?? 0;
    response.on("data", (chunk: Buffer) => (traffic.bytes += chunk.length));
    response.pause();
    const body = response.headers["content-encoding"] === "gzip" ? gunzipped(response) : response;
    try {
      if (status < OK || status >= BAD_REQUEST) throw await refusal(request.step, response, body);
      const location = status >= MULTIPLE_CHOICES ? response.headers.location : undefined;
      return await read({ status, location, body });
    } catch (error) {
      response.destroy();
      throw isNetworkError(error) ? broken(request.step, error) : error;
    }
  }

  function exchange({ method, url, type, body, step, takesGzip }: Request): Promise<http.IncomingMessage> {
    traffic.requests += 1;
    const scheme = url.protocol === "https:" ? "https:" : "http:";
    const length = body === undefined ? undefined : "text" in body ? Buffer.byteLength(body.text) : body.size;
    return new Promise((resolve, reject) => {
      const outgoing = CLIENTS[scheme]().request(
        url,
        {
          method,
          agent: agentOf(scheme),
          timeout: SILENCE_MS,
          headers: {
            authorization,
            accept: "*/*",
            ...(takesGzip === true ? { "accept-encoding": "gzip" } : {}),
            ...(type === undefined ? {} : { "content-type": type }),
            ...(length === undefined ? {} : { "content-length": length }),
          },
        },
        resolve,
      );
      outgoing.on("timeout", () => outgoing.destroy(new Error(`no answer within ${SILENCE_MS / 1_000} s`)));
      outgoing.on("error", (error) => reject(broken(step, error)));
      if (body === undefined) outgoing.end();
      else if ("text" in body) outgoing.end(body.text);
      // Errors of the connection come by its own event; those of the file end the connection.
      else pipeline(createReadStream(body.file), outgoing).catch((error: unknown) => reject(broken(step, error)));
    });
  }

  function agentOf(scheme: Scheme): http.Agent {
    const agent = agents.get(scheme) ?? new (CLIENTS[scheme]().Agent)(limits);
    agents.set(scheme, agent);
    return agent;
  }

  function close(): void {
    for (const agent of agents.values()) agent.destroy();
  }
}

/** Lists of thousands of objects are a tenth of their size. What it becomes is limited where it is read. */
function gunzipped(response: http.IncomingMessage): Readable {
  const gunzip = process.getBuiltinModule("node:zlib").createGunzip();
  // An error is the stream's, and whoever reads it gets it.
  pipeline(response, gunzip).catch(() => undefined);
  return gunzip;
}

/** The whole answer as text. Throws `Trouble` when it is longer than any that is expected. */
export async function readText(step: string, body: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_JSON_BYTES)
      throw new Trouble(`${step}: the answer is longer than ${MAX_JSON_BYTES} bytes`, "refused");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Statuses as RFC 8620 section 3.6.1 and Stalwart use them: its limits are 429, or 400 with the type `…:limit`. */
async function refusal(step: string, response: http.IncomingMessage, body: Readable): Promise<Trouble> {
  const status = response.statusCode ?? 0;
  const problem = await readText(step, body).catch(() => "");
  const isLimit =
    status === TOO_MANY || (status === BAD_REQUEST && /jmap:error:limit/.test(problem) && /concurrent/i.test(problem));
  const retryAfterMs = retryAfter(response.headers["retry-after"]);
  const fact = `${step}: HTTP ${status}`;
  if (isLimit || status >= FIRST_SERVER_ERROR)
    return new Trouble(fact, "passing", {
      status,
      mayHaveHappened: !isLimit && status !== UNAVAILABLE,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
  return new Trouble(fact, "refused", { status, mayHaveHappened: false });
}

export function isNotFound(error: unknown): error is Trouble {
  return error instanceof Trouble && error.details.status === NOT_FOUND;
}

/** RFC 9110 section 10.2.3; a date is rare and not worth a clock that is right. */
function retryAfter(header: string | undefined): number | undefined {
  const seconds = Number(header);
  return header === undefined || !Number.isFinite(seconds) ? undefined : Math.min(seconds * 1_000, MAX_RETRY_AFTER_MS);
}

const NETWORK_CODES = /^(?:E(?:CONN|PIPE|HOST|NET|TIMEDOUT|AI_)|HPE_|ERR_STREAM_PREMATURE_CLOSE|UND_ERR|Z_)/;

function isNetworkError(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof Trouble) return false;
  return NETWORK_CODES.test((error as NodeJS.ErrnoException).code ?? "") || error.message === "aborted";
}

function broken(step: string, error: unknown): Trouble {
  const reason = reasonOf(error);
  const neverSent = /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH/.test(reason);
  return new Trouble(`${step}: ${reason}`, "passing", { mayHaveHappened: !neverSent });
}
