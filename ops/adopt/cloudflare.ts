import { AdoptError } from "./fault";
import { isProps, listOf, type Props } from "./props";

/** For one question. */
const TIME_BUDGET_MS = 20_000;
/** What every list of the API allows. */
const PER_PAGE = 50;

/** Cloudflare's HTTP API, read only. Every method throws an {@link AdoptError}. */
export interface CloudflareApi {
  /** The result; undefined when there is no such object (404). */
  get(path: string): Promise<Props | undefined>;
  /** Every item of a list, over all its pages. `items` finds them in the result when they are not the result itself. */
  list(path: string, items?: (result: unknown) => unknown): Promise<readonly Props[]>;
}

interface Answer {
  readonly status: number;
  readonly result: unknown;
  readonly info: Props;
  readonly codes: readonly unknown[];
}

export function cloudflareApi(baseUrl: string, token: string, timeBudgetMs = TIME_BUDGET_MS): CloudflareApi {
  if (!/^[\w-]+$/.test(token))
    throw new AdoptError(
      "There is no Cloudflare API token, or it is none. Nothing was asked. Set it: " +
        "pulumi config set --secret cloudflare:apiToken, or the variable CLOUDFLARE_API_TOKEN.",
    );
  return {
    async get(path) {
      const { status, result, codes } = await ask(path);
      if (status === 404) return undefined;
      if (status !== 200) throw refused(path, status, codes);
      return isProps(result) ? result : undefined;
    },
    async list(path, items = (result) => result) {
      const found: Props[] = [];
      let cursor = "";
      for (let page = 1; ; page += 1) {
        const query = new URLSearchParams({
          per_page: String(PER_PAGE),
          ...(cursor ? { cursor } : { page: String(page) }),
        });
        const { status, result, info, codes } = await ask(
          `${path}${path.includes("?") ? "&" : "?"}${query.toString()}`,
        );
        if (status !== 200) throw refused(path, status, codes);
        const some = listOf(items(result));
        found.push(...some);
        const next = typeof info["cursor"] === "string" ? info["cursor"] : "";
        // The same page for ever would be worse than an error; a list without pages has no number of pages.
        const isLast = next === "" ? Number(info["total_pages"] ?? 1) <= page : next === cursor;
        if (some.length === 0 || isLast) return found;
        cursor = next;
      }
    },
  };

  async function ask(path: string): Promise<Answer> {
    try {
      const response = await fetch(`${baseUrl}${path}`, {
        headers: { authorization: `Bearer ${token}` },
        redirect: "error",
        signal: AbortSignal.timeout(timeBudgetMs),
      });
      const body: unknown = await response.json();
      const { result, result_info: info, errors } = isProps(body) ? body : {};
      const codes = listOf(errors).map(({ code }) => code);
      return { status: response.status, result, info: isProps(info) ? info : {}, codes };
    } catch {
      // The cause can name the request, and the request carries the token.
      throw new AdoptError(
        `Cloudflare's API at ${new URL(baseUrl).origin} gave no proper answer within ${timeBudgetMs / 1000} s. Nothing was ` +
          "changed. Check the network, then run the command again.",
      );
    }
  }
}

/** The permission that an endpoint asks for, by a part of its path; reading is enough here. */
const PERMISSIONS: readonly (readonly [RegExp, string])[] = [
  [/dns_records|dnssec/, "DNS Read"],
  [/email\/routing\/rules/, "Email Routing Rules Read"],
  [/email\/routing/, "Zone Settings Read"],
  [/workers\/routes/, "Workers Routes Read"],
  [/workers\//, "Workers Scripts Read"],
  [/cfd_tunnel/, "Cloudflare Tunnel Read"],
  [/service_tokens/, "Access: Service Tokens Read"],
  [/access\//, "Access: Apps and Policies Read"],
  [/alerting/, "Notifications Read"],
  [/r2\//, "Workers R2 Storage Read"],
  [/\/tokens/, "Account API Tokens Read"],
  [/^\/zones/, "Zone Read"],
];

function refused(path: string, status: number, codes: readonly unknown[]): AdoptError {
  const numbers = codes.filter((code) => typeof code === "number").join(", ");
  const permission = PERMISSIONS.find(([part]) => part.test(path))?.[1] ?? "Read";
  return new AdoptError(
    `Cloudflare did not answer ${path.split("?")[0] ?? ""} (HTTP ${status}${numbers ? `, ${numbers}` : ""}). What is not seen ` +
      `could be created twice, so nothing was written. Give the token ${permission} (or Write), then run the command again.`,
  );
}
