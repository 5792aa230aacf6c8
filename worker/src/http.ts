import { TransientError } from "./transient";
import type { Trouble } from "./transient";

/** The part of `fetch` that is used, so that tests can stand in for it. */
export type Fetch = (url: URL, init: RequestInit) => Promise<Response>;

/** The runtime's own. */
export const platformFetch: Fetch = (url, init) => fetch(url, init);

export interface Answer {
  readonly status: number;
  readonly location: string | null;
  readonly body: Uint8Array;
}

/** `signal` ends the conversation. */
export interface Limits {
  readonly signal: AbortSignal;
  readonly callMs: number;
  readonly answerBytes: number;
}

/** How workerd words it when an invocation has made as many requests as the account's plan allows. */
const TOO_MANY = /^too many subrequests/i;

export function isTooMany(error: unknown): boolean {
  return error instanceof Error && TOO_MANY.test(error.message);
}

/** One request, answered completely or not at all, within the budget of the call and of the conversation. */
export async function call(step: string, fetch: Fetch, url: URL, init: RequestInit, limits: Limits): Promise<Answer> {
  const signal = AbortSignal.any([limits.signal, AbortSignal.timeout(limits.callMs)]);
  try {
    // Redirects are the caller's business: following one would carry the secrets to wherever it points.
    const response = await fetch(url, { ...init, redirect: "manual", signal });
    const body = await readBounded(step, response, limits.answerBytes);
    return { status: response.status, location: response.headers.get("location"), body };
  } catch (error) {
    if (error instanceof TransientError) throw error;
    // Refused by the platform before anything was sent.
    if (isTooMany(error)) throw new TransientError(`${step}: the platform allows no more requests`, "limit");
    const reason = signal.aborted ? "no complete answer in time" : "the connection failed";
    throw new TransientError(`${step}: ${reason}`, "home", true);
  }
}

/** The answer as JSON object; everything but a 2xx answer with one is an error of that step. */
export function jsonObject(step: string, answer: Answer): JsonObject {
  const { status } = answer;
  if (status < 200 || status > 299)
    // A proxy on the way may have lost the answer of a request that was done.
    throw new TransientError(`${step}: status ${status}`, troubleOf(status), status >= FIRST_SERVER_ERROR);
  const value = parse(answer.body);
  if (!isObject(value)) throw new TransientError(`${step}: the answer is not a JSON object`, "home", true);
  return value;
}

const NOT_FOUND = 404;
const TOO_LARGE = 413;
const FIRST_SERVER_ERROR = 500;

function troubleOf(status: number): Trouble {
  if (status === NOT_FOUND) return "stale";
  return status === TOO_LARGE ? "message" : "home";
}

export type JsonObject = Readonly<Record<string, unknown>>;

/** Arrays are no objects here. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch {
    // The parser's message quotes the text.
    return undefined;
  }
}

/** A pending read fails when the request's signal fires, in workerd as in Node. */
async function readBounded(step: string, response: Response, maxBytes: number): Promise<Uint8Array> {
  if (response.body === null) return new Uint8Array();
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return concatenate(chunks, size);
    size += value.byteLength;
    if (size > maxBytes) {
      await reader.cancel();
      throw new TransientError(`${step}: the answer is larger than ${maxBytes} bytes`, "home", true);
    }
    chunks.push(value);
  }
}

function concatenate(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const all = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    all.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return all;
}
