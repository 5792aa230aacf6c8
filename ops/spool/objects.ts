import { type Checked } from "../../infra/settings/fault";
import { parseAccountId } from "../../infra/settings/values";
import { parseDomain } from "../../infra/settings/domain";
import { hostStackOf } from "../../infra/settings/further";
import { bucketName } from "../../infra/settings/spool";
import { readStackFile } from "../../infra/settings/stack-file";

/** A fact that stops the command, in words for the operator. */
export class SpoolError extends Error {
  override readonly name = "SpoolError";
}

/** One object as the API lists it. */
export interface ListedObject {
  readonly key: string;
  readonly size: number;
  readonly metadata: Readonly<Record<string, string>>;
}

/** The spool's bucket over Cloudflare's HTTP API. Every method throws a {@link SpoolError}. */
export interface SpoolObjects {
  readonly bucket: string;
  list(prefix: string): Promise<readonly ListedObject[]>;
  /** Undefined when there is none. */
  get(key: string): Promise<Buffer | undefined>;
  put(key: string, bytes: Buffer): Promise<void>;
  delete(key: string): Promise<void>;
}

export interface SpoolPlace {
  readonly accountId: string;
  readonly bucket: string;
}

const CLOUDFLARE_API = "https://api.cloudflare.com/client/v4";
/** For one request and its whole answer: 25 MiB over a slow line. */
const TIME_BUDGET_MS = 60_000;
const PER_PAGE = 1_000;

const R2_IS_OFF = 10_042;
const NO_BUCKET = 10_006;

/** Whose bucket: from the stack file; the account from the environment when the file does not say it in the clear. */
export function spoolPlace(stack: string, environment: NodeJS.ProcessEnv, directory?: string): SpoolPlace {
  const { raw } = readStackFile(stack, directory);
  // A further domain is in the account of its host.
  const hostStack = hostStackOf(raw);
  const ofAccount = hostStack === "" ? raw : readStackFile(hostStack, directory).raw;
  const accountId = ofAccount.get("accountId")?.text || environment["CLOUDFLARE_ACCOUNT_ID"];
  return {
    accountId: needed("accountId", accountId, parseAccountId, hostStack || stack),
    bucket: bucketName(needed("domain", raw.get("domain")?.text, parseDomain, stack)),
  };
}

function needed(
  key: string,
  text: string | undefined,
  parse: (text: string) => Checked<string>,
  stack: string,
): string {
  const checked = parse(text ?? "");
  if (checked.ok) return checked.value;
  throw new SpoolError(
    `mail:${key} is missing or wrong in Pulumi.${stack}.yaml, so the spool cannot be found. Nothing was asked. ` +
      `Look at it: npm run settings -- ${stack}`,
  );
}

/** @param environment has the token and, for tests, another place of the API */
export function openSpool(
  place: SpoolPlace,
  environment: NodeJS.ProcessEnv,
  timeBudgetMs = TIME_BUDGET_MS,
): SpoolObjects {
  const token = environment["CLOUDFLARE_API_TOKEN"]?.trim() ?? "";
  if (!/^[\w-]+$/.test(token))
    throw new SpoolError(
      "CLOUDFLARE_API_TOKEN is not set, or is no token. Nothing was asked. Set it to a token with the permission Workers " +
        "R2 Storage Write (Read is enough to look), then run the command again.",
    );
  const base = (environment["CLOUDFLARE_BASE_URL"]?.trim() || CLOUDFLARE_API).replace(/\/+$/, "");
  const objects = `${base}/accounts/${place.accountId}/r2/buckets/${encodeURIComponent(place.bucket)}/objects`;

  return {
    bucket: place.bucket,
    async list(prefix) {
      const found: ListedObject[] = [];
      for (let cursor = ""; ;) {
        const query = new URLSearchParams({ prefix, per_page: String(PER_PAGE), ...(cursor === "" ? {} : { cursor }) });
        const { result, result_info: info } = jsonOf(await ask("GET", `?${query.toString()}`));
        for (const item of Array.isArray(result) ? result : []) found.push(...listedObject(item));
        const next = isObject(info) ? info["cursor"] : undefined;
        // The same page for ever would be worse than an error.
        if (typeof next !== "string" || next === "" || next === cursor) return found;
        cursor = next;
      }
    },
    get: async (key) => (await ask("GET", pathOf(key), undefined, true))?.bytes,
    async put(key, bytes) {
      const { result } = jsonOf(await ask("PUT", pathOf(key), bytes));
      const size = Number((isObject(result) ? result["size"] : undefined) ?? bytes.length);
      if (size !== bytes.length)
        throw new SpoolError(
          `Cloudflare stored ${size} of ${bytes.length} bytes as ${key}. The original is still there. Run the command again.`,
        );
    },
    async delete(key) {
      await ask("DELETE", pathOf(key));
    },
  };

  async function ask(method: string, path: string, body?: Buffer, mayBeMissing = false): Promise<Answer | undefined> {
    const answer = await request(method, `${objects}${path}`, body);
    if (answer.status === 200) return answer;
    const codes = codesOf(answer);
    if (mayBeMissing && answer.status === 404 && !codes.includes(NO_BUCKET)) return undefined;
    throw new SpoolError(reason(answer.status, codes, place));
  }

  async function request(method: string, url: string, body: Buffer | undefined): Promise<Answer> {
    try {
      const response = await fetch(url, {
        method,
        headers: { authorization: `Bearer ${token}`, ...(body && { "content-type": "message/rfc822" }) },
        ...(body && { body: new Uint8Array(body) }),
        redirect: "error",
        signal: AbortSignal.timeout(timeBudgetMs),
      });
      return { status: response.status, bytes: Buffer.from(await response.arrayBuffer()) };
    } catch {
      // The cause can name the request, and the request carries the token.
      throw new SpoolError(
        `Cloudflare's API at ${new URL(base).origin} gave no answer within ${timeBudgetMs / 1000} s. Messages in the spool ` +
          "are as they were. Check the network (and CLOUDFLARE_BASE_URL, if set), then run the command again.",
      );
    }
  }
}

interface Answer {
  readonly status: number;
  readonly bytes: Buffer;
}

/** As Cloudflare's own SDK does: the slashes of a key are encoded too. */
function pathOf(key: string): string {
  return `/${encodeURIComponent(key)}`;
}

function reason(status: number, codes: readonly unknown[], { accountId, bucket }: SpoolPlace): string {
  if (codes.includes(R2_IS_OFF))
    return `R2 is not switched on for the account ${accountId}, so there is no spool. Switch it on in Cloudflare's dashboard.`;
  if (codes.includes(NO_BUCKET))
    return `The account ${accountId} has no bucket ${bucket}, so nothing waits there. \`pulumi up\` makes it, unless mail:spool is none.`;
  if (status === 401 || status === 403)
    return (
      `Cloudflare does not let this token into the bucket ${bucket} (HTTP ${status}). Nothing was changed. Give it the ` +
      "permission Workers R2 Storage Write (Read is enough to look), then run the command again."
    );
  const numbers = codes.filter((code) => typeof code === "number");
  return (
    `Cloudflare answered HTTP ${status}${numbers.length === 0 ? "" : ` (${numbers.join(", ")})`}. Messages in the spool are ` +
    "as they were. Run the command again in a minute."
  );
}

function codesOf(answer: Answer): readonly unknown[] {
  try {
    const { errors } = jsonOf(answer);
    return Array.isArray(errors) ? errors.map((error: unknown) => isObject(error) && error["code"]) : [];
  } catch {
    return [];
  }
}

function jsonOf(answer: Answer | undefined): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(answer?.bytes.toString("utf8") ?? "");
    if (isObject(value)) return value;
  } catch {
    // As below.
  }
  throw new SpoolError("Cloudflare's API answered something other than JSON. Run the command again in a minute.");
}

function listedObject(item: unknown): ListedObject[] {
  if (!isObject(item) || typeof item["key"] !== "string") return [];
  const custom = item["custom_metadata"];
  const metadata = Object.entries(isObject(custom) ? custom : {}).map(
    ([name, value]) => [name, String(value)] as const,
  );
  return [{ key: item["key"], size: Number(item["size"] ?? 0), metadata: Object.fromEntries(metadata) }];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
