import { NewDomainError } from "./refused";

const TIME_BUDGET_MS = 30_000;
const MAX_TRIES = 4;
const DEFAULT_WAIT_MS = 1_000;
const MAX_WAIT_MS = 10_000;
const TOO_MANY = 429;
const MS_PER_SECOND = 1_000;

export interface Api {
  /** For errors: `Resend`. */
  readonly name: string;
  /** Without trailing slash. */
  readonly baseUrl: string;
  readonly token: string;
}

export interface Answer {
  readonly status: number;
  readonly body: Json;
}

export type Json = Readonly<Record<string, unknown>>;

/**
 * One request to a JSON API. A refusal for too many requests is waited out, for as long as the service asks and
 * {@link MAX_WAIT_MS} at most; other refusals are the caller's to judge.
 *
 * @throws NewDomainError when there is no answer in JSON
 */
export async function request(api: Api, method: "GET" | "POST", path: string, body?: Json): Promise<Answer> {
  for (let attempt = 1; ; attempt += 1) {
    const response = await fetch(`${api.baseUrl}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${api.token}`,
        accept: "application/json",
        "user-agent": "mail-stack",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      redirect: "error",
      signal: AbortSignal.timeout(TIME_BUDGET_MS),
    }).catch((error: unknown) => {
      throw unanswered(api, method, path, error instanceof Error ? error.message : "unknown");
    });
    if (response.status === TOO_MANY && attempt < MAX_TRIES) {
      const seconds = Number(response.headers.get("retry-after"));
      const wait = seconds > 0 ? seconds * MS_PER_SECOND : DEFAULT_WAIT_MS;
      await response.body?.cancel();
      await new Promise((resolve) => setTimeout(resolve, Math.min(wait, MAX_WAIT_MS)));
      continue;
    }
    const parsed = await response.json().catch(() => undefined);
    if (!isObject(parsed)) throw unanswered(api, method, path, `status ${response.status} without JSON`);
    return { status: response.status, body: parsed };
  }
}

function unanswered({ name, baseUrl }: Api, method: string, path: string, reason: string): NewDomainError {
  return new NewDomainError(
    `${name} does not answer ${method} ${baseUrl}${path} (${reason}). What was done before stays and is taken up by the next ` +
      "run. Run the command again.",
  );
}

export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function objects(value: unknown): readonly Json[] {
  return Array.isArray(value) ? (value as readonly unknown[]).filter(isObject) : [];
}

export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
