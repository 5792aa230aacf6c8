import { Fault, reasonOf, Unreachable } from "./fault";

/** What Stalwart answers at most; a list of 500 accounts is far below it. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
/** An address that is never banned or limited, as the image's own health check uses it. */
const OWN_ADDRESS = "127.0.0.1";
/** For one request; Stalwart answers within milliseconds, a reload within seconds. */
export const REQUEST_BUDGET_MS = 30_000;

export interface Answer {
  readonly status: number;
  readonly text: string;
}

export interface Request {
  readonly method?: "GET" | "POST";
  readonly authorization?: string;
  readonly body?: string;
  /** IP address to ask from, named as the proxies in front of Stalwart name a client; by default that of Stalwart's own container. */
  readonly from?: string;
  readonly budgetMs?: number;
}

/** `url`: Stalwart's base address. */
export type Http = (path: string, request?: Request) => Promise<Answer>;

/** HTTP with a time budget and a bounded answer. Throws `Unreachable` when there is no answer; every status is an answer. */
export function httpTo(url: string): Http {
  return async (
    path,
    { method = "GET", authorization, body, from = OWN_ADDRESS, budgetMs = REQUEST_BUDGET_MS } = {},
  ) => {
    try {
      const response = await fetch(new URL(path, url), {
        method,
        // Stalwart redirects nothing that is asked here; a redirect would take the credentials along.
        redirect: "manual",
        signal: AbortSignal.timeout(budgetMs),
        headers: {
          // Stalwart believes it (decision 006), and warns in its log without one.
          "x-forwarded-for": from,
          ...(authorization === undefined ? {} : { authorization }),
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body }),
      });
      return { status: response.status, text: await readBounded(response) };
    } catch (error) {
      if (error instanceof Fault) throw error;
      throw new Unreachable(
        `Stalwart does not answer at ${url} (${isTimeout(error) ? `within ${budgetMs / 1_000} s` : reasonOf(error)}).`,
        "Nothing could be read or changed.",
        "Look at its log: docker compose -p mail-stack logs --tail 50 stalwart",
        { cause: error },
      );
    }
  };
}

export function basic(login: string, password: string): string {
  return `Basic ${Buffer.from(`${login}:${password}`).toString("base64")}`;
}

function isTimeout(error: unknown): boolean {
  return (Object(error) as { name?: unknown }).name === "TimeoutError";
}

async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES)
      throw new Fault(
        `Stalwart's answer is longer than ${MAX_ANSWER_BYTES} bytes.`,
        "It is not read further.",
        "Look at its log: docker compose -p mail-stack logs --tail 50 stalwart",
      );
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
