import { TransientError } from "./transient";

/** Limits of one conversation with home. Email Routing gives up after about 30 s, and then the fault looks permanent. */
export interface Budgets {
  /** For one request and its whole answer. */
  readonly callMs: number;
  /** For the request that carries the message. */
  readonly uploadMs: number;
  /** For all requests of one message together. */
  readonly totalMs: number;
  readonly answerBytes: number;
}

export const BUDGETS: Budgets = { callMs: 5_000, uploadMs: 14_000, totalMs: 19_000, answerBytes: 1024 * 1024 };

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
    throw new TransientError(`${step}: ${signal.aborted ? "no complete answer in time" : "the connection failed"}`);
  }
}

/** The answer as JSON object; everything but a 2xx answer with one is an error of that step. */
export function jsonObject(step: string, answer: Answer): JsonObject {
  if (answer.status < 200 || answer.status > 299) throw new TransientError(`${step}: status ${answer.status}`);
  const value = parse(answer.body);
  if (!isObject(value)) throw new TransientError(`${step}: the answer is not a JSON object`);
  return value;
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
      throw new TransientError(`${step}: the answer is larger than ${maxBytes} bytes`);
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
