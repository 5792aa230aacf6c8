/** One question to Cloudflare's API. */
import type { CloudflareApi } from "../config";
import { PreflightError } from "./error";

/** What the provider's own check of the token allows. */
const TOKEN = /^[\w-]+$/;

export type Get = (path: string) => Promise<Answer>;

export interface Answer {
  readonly status: number;
  readonly result: unknown;
  /** Codes of the API's errors. */
  readonly codes: readonly unknown[];
}

/** @throws PreflightError when there is no token that can be sent, or no proper answer in time */
export async function ask(api: CloudflareApi, path: string, timeBudgetMs: number): ReturnType<Get> {
  if (!api.token)
    throw new PreflightError(
      "There is no Cloudflare API token. Nothing was changed. Set one: pulumi config set --secret cloudflare:apiToken, " +
        "or the variable CLOUDFLARE_API_TOKEN.",
    );
  if (!TOKEN.test(api.token.reveal()))
    throw new PreflightError(
      "The Cloudflare API token has characters that no token has; allowed are a-z, A-Z, 0-9, - and _. Nothing was " +
        "changed. Set it again: pulumi config set --secret cloudflare:apiToken, or the variable CLOUDFLARE_API_TOKEN.",
    );
  try {
    const response = await fetch(`${api.baseUrl}${path}`, {
      headers: { authorization: `Bearer ${api.token.reveal()}` },
      signal: AbortSignal.timeout(timeBudgetMs),
      redirect: "error",
    });
    // Says nothing about the token.
    if (response.status === 429 || response.status >= 500) throw new Error(`HTTP ${response.status}`);
    const body: unknown = await response.json();
    const { result, errors } = isObject(body) ? body : {};
    const codes = Array.isArray(errors) ? errors.map((error: unknown) => isObject(error) && error["code"]) : [];
    return { status: response.status, result, codes };
  } catch {
    // The cause can name the request, and the request carries the token.
    throw new PreflightError(
      `Cloudflare's API at ${api.baseUrl} gave no proper answer within ${timeBudgetMs / 1000} s. Nothing was changed. ` +
        "Check the network (and CLOUDFLARE_BASE_URL, if set), then run the command again.",
    );
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
