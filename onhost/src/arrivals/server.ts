import type * as http from "node:http";
import type { AddressInfo } from "node:net";
import { lazily } from "../lazily";
import { nodeCrypto } from "../node-crypto";
import { MAX_QUESTION_BYTES, parseQuestion, type Arrival, type Question } from "./question";

const PATH = "/arrivals";
const HEALTH_PATH = "/health";
/** Questions answered at the same time; further ones are told to try again. Stalwart takes four requests of a login at once. */
const MAX_AT_ONCE = 2;
const MAX_CONNECTIONS = 32;
/** For a whole request to arrive. */
const REQUEST_MS = 5_000;
/** For an answer. The Worker waits somewhat longer. */
const ANSWER_MS = 6_000;
const IDLE_MS = 30_000;

const [OK, BAD_REQUEST, UNAUTHORIZED, NOT_FOUND, TOO_LARGE, UNAVAILABLE] = [200, 400, 401, 404, 413, 503];

export interface ArrivalsOptions {
  /** 0: any. */
  readonly port: number;
  /** Address to listen on. */
  readonly host: string;
  /** The keys that are accepted at this moment. */
  readonly keys: () => readonly string[];
  /** Rejects when it cannot tell. */
  readonly ask: (question: Question) => Promise<Arrival>;
}

export interface ArrivalsServer {
  readonly port: number;
  readonly close: () => Promise<void>;
}

const nodeHttp = lazily(() => process.getBuiltinModule("node:http"));

/**
 * The service that says whether a message has arrived: `POST /arrivals` with a key as Bearer and a {@link Question} as JSON
 * is answered 200 `{"arrived":"yes"}`, `"no"` or `"later"`, or 503 when it cannot tell. It says nothing else to
 * anybody, and writes no log.
 */
export async function startArrivals({ port, host, keys, ask }: ArrivalsOptions): Promise<ArrivalsServer> {
  let atOnce = 0;
  const server = nodeHttp().createServer(
    { requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS, connectionsCheckingInterval: REQUEST_MS },
    (request, response) => {
      answer(request).then(
        ([status, body]) => send(response, status, body),
        () => response.destroy(),
      );
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  server.keepAliveTimeout = IDLE_MS;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(port, host, resolve);
  });
  return { port: (server.address() as AddressInfo).port, close };

  async function answer(request: http.IncomingMessage): Promise<readonly [status: number, body?: object]> {
    const { method, url } = request;
    if (method === "GET" && url === HEALTH_PATH) return [OK, {}];
    if (method !== "POST" || url !== PATH) return [NOT_FOUND];
    if (!isKnown(request.headers.authorization ?? "", keys())) return [UNAUTHORIZED];
    const body = await read(request);
    if (body === undefined) return [TOO_LARGE];
    const question = parseQuestion(body);
    if (question === undefined) return [BAD_REQUEST];
    if (atOnce >= MAX_AT_ONCE) return [UNAVAILABLE];
    atOnce += 1;
    try {
      return [OK, { arrived: await inTime(ask(question)) }];
    } catch {
      return [UNAVAILABLE];
    } finally {
      atOnce -= 1;
    }
  }

  function close(): Promise<void> {
    return new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }
}

function send(response: http.ServerResponse, status: number, body: object = {}): void {
  const content = JSON.stringify(body);
  // The unread rest of a request must not be taken for the next request.
  const isOver = status !== OK;
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(content),
    "cache-control": "no-store",
    ...(isOver && { connection: "close" }),
  });
  response.end(content);
}

/** Takes the same time for every wrong key of the same length: it compares hashes, and each in full. */
function isKnown(authorization: string, keys: readonly string[]): boolean {
  const { createHash, timingSafeEqual } = nodeCrypto();
  const [, shown = ""] = /^Bearer ([\w.~+/=-]{20,512})$/i.exec(authorization) ?? [];
  const digest = (key: string) => createHash("sha256").update(key).digest();
  const known = keys.map((key) => timingSafeEqual(digest(key), digest(shown)));
  return shown !== "" && known.includes(true);
}

/** Undefined when it is longer than any question. */
async function read(request: http.IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_QUESTION_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

async function inTime<T>(promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("no answer in time")), ANSWER_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
