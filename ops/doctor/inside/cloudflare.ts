import type { Settings } from "../../../infra/settings/settings";
import { cloudflareApi } from "../../adopt/cloudflare";
import type { Props } from "../../adopt/props";
import { openSpool } from "../../spool/objects";
import type { CloudflareApi } from "../context";

const CLOUDFLARE_API = "https://api.cloudflare.com/client/v4";
/** Shorter than a check's budget, so that the check can say what it was. */
const TIME_MS = 3_500;

/** Cloudflare's API with the token of the environment; the same question is asked once. */
export function cloudflareClient(
  { accountId, spool }: Pick<Settings, "accountId" | "spool">,
  environment: NodeJS.ProcessEnv,
): CloudflareApi {
  const base = (environment["CLOUDFLARE_BASE_URL"]?.trim() || CLOUDFLARE_API).replace(/\/+$/, "");
  const token = environment["CLOUDFLARE_API_TOKEN"]?.trim() ?? "";
  const api = () => cloudflareApi(base, token, TIME_MS);
  const got = new Map<string, Promise<Props | undefined>>();
  const listed = new Map<string, Promise<readonly Props[]>>();
  // Only checks with the credential ask, so a missing token is found when somebody asks and not here.
  const bucket = () => openSpool({ accountId, bucket: spool?.bucket ?? "" }, environment, TIME_MS);
  return {
    get: (path) => once(got, path, () => api().get(path)),
    list: (path, items) => once(listed, path, () => api().list(path, items)),
    script: (name) => scriptOf(`${base}/accounts/${accountId}/workers/scripts/${encodeURIComponent(name)}`, token),
    spool: { list: (prefix) => bucket().list(prefix), get: (key) => bucket().get(key) },
  };
}

function once<T>(known: Map<string, Promise<T>>, key: string, ask: () => Promise<T>): Promise<T> {
  const found = known.get(key) ?? ask();
  known.set(key, found);
  return found;
}

/** Modules come as the parts of a form; a header names the main one (API: Workers, Script Content). */
async function scriptOf(url: string, token: string): Promise<string | undefined> {
  let response: Response;
  try {
    response = await fetch(`${url}/content/v2`, {
      headers: { authorization: `Bearer ${token}` },
      redirect: "error",
      signal: AbortSignal.timeout(TIME_MS),
    });
    if (response.status === 404) return undefined;
    if (response.status === 200) {
      if (!(response.headers.get("content-type") ?? "").startsWith("multipart/")) return await response.text();
      // eslint-disable-next-line @typescript-eslint/no-deprecated -- meant for servers and strangers; this is one answer of Cloudflare
      const parts = [...(await response.formData()).entries()];
      const main = response.headers.get("cf-entrypoint");
      const [, part = ""] = parts.find(([name]) => name === main) ?? parts[0] ?? [];
      return typeof part === "string" ? part : await part.text();
    }
  } catch {
    // The cause can name the request, and the request carries the token.
    throw new Error(`Cloudflare's API gave no proper answer within ${TIME_MS / 1000} s`);
  }
  throw new Error(
    `Cloudflare does not show the Worker's code (HTTP ${response.status}): the token lacks Workers Scripts Read`,
  );
}
