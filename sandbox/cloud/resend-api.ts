import { createHash, generateKeyPairSync, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { parse } from "tldts";

/** Resend's regions, of which one is chosen when a domain is made and never again. */
const REGIONS = ["us-east-1", "eu-west-1", "sa-east-1", "ap-northeast-1"];
const DOMAIN_FIELDS = [
  "name",
  "region",
  "custom_return_path",
  "open_tracking",
  "click_tracking",
  "tls",
  "capabilities",
];
const KEY_FIELDS = ["name", "permission", "domain_id"];
const REQUESTS_PER_SECOND = 5;
const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 100;
const SECOND_MS = 1_000;

/** One item of a domain's `records`. */
export interface ResendApiRecord {
  readonly record: string;
  readonly name: string;
  readonly type: string;
  readonly ttl: string;
  readonly status: string;
  readonly value: string;
  readonly priority?: number;
}

export interface ResendApiDomain {
  readonly id: string;
  readonly name: string;
  readonly region: string;
  status: string;
  /** With names relative to the domain and values as the DNS has them; the answers spell them differently. */
  readonly records: readonly ResendApiRecord[];
}

export interface ResendOptions {
  readonly fullAccessKey: string;
  /** May send, and is told so everywhere else. */
  readonly sendingKey?: string;
  /** Names that another team has. */
  readonly taken?: readonly string[];
  /** Records of a domain that the model's own do not show, as they are answered: receiving, tracking, CNAMEs. */
  readonly records?: (name: string) => readonly ResendApiRecord[];
  /** How many requests a second are answered; the service's own number by default. */
  readonly requestsPerSecond?: number;
}

/** A model of Resend's HTTP API for domains and keys, after its OpenAPI description of August 2026. */
export interface ResendApi {
  readonly baseUrl: string;
  readonly domains: readonly ResendApiDomain[];
  /** Sending keys that were made. */
  readonly keys: readonly { readonly name: string; readonly token: string }[];
  /** `POST /domains`, in order. */
  readonly requests: readonly string[];
  /** A domain that somebody has made in the dashboard. */
  add(name: string, region: string): ResendApiDomain;
  close(): void;
}

interface Answer {
  readonly status: number;
  readonly body: object;
  readonly headers?: Readonly<Record<string, string>>;
}

export async function serveResend(options: ResendOptions): Promise<ResendApi> {
  const domains: ResendApiDomain[] = [];
  const keys: { name: string; token: string }[] = [];
  const requests: string[] = [];
  const times: number[] = [];
  const server = createServer((request, response) => {
    answer(request).then(
      ({ status, body, headers }) =>
        response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body)),
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    baseUrl: `http://127.0.0.1:${port}`,
    domains,
    keys,
    requests,
    add,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };

  async function answer(request: IncomingMessage): Promise<Answer> {
    const { method = "GET", headers } = request;
    const url = new URL(request.url ?? "/", "http://resend");
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    // Cloudflare in front of the service turns clients away that do not say who they are.
    if (!headers["user-agent"]) return refusal(403, "forbidden", "error code: 1010");
    const now = Date.now();
    while (times[0] !== undefined && times[0] <= now - SECOND_MS) times.shift();
    if (times.length >= (options.requestsPerSecond ?? REQUESTS_PER_SECOND))
      return {
        ...refusal(429, "rate_limit_exceeded", "Too many requests. You can only make 5 requests per second."),
        headers: { "retry-after": "1" },
      };
    times.push(now);
    if (headers.authorization === undefined) return refusal(401, "missing_api_key", "Missing API Key");
    if (options.sendingKey !== undefined && headers.authorization === `Bearer ${options.sendingKey}`)
      return refusal(401, "restricted_api_key", "This API key is restricted to only send emails");
    if (headers.authorization !== `Bearer ${options.fullAccessKey}`)
      return refusal(403, "invalid_api_key", "API key is invalid");
    requests.push(`${method} ${url.pathname}`);
    const text = Buffer.concat(chunks).toString();
    const [, collection, id, action] = url.pathname.split("/");
    if (collection === "api-keys" && id === undefined && method === "POST") return createKey(fieldsOf(text));
    if (collection !== "domains") return refusal(404, "not_found", "The requested endpoint does not exist.");
    if (id === undefined && method === "POST") return createDomain(fieldsOf(text));
    if (id === undefined && method === "GET") return list(url.searchParams);
    const domain = domains.find((one) => one.id === id);
    if (domain === undefined) return refusal(404, "not_found", "Domain not found");
    if (action === undefined && method === "GET") return { status: 200, body: wireDomain(domain) };
    if (action === "verify" && method === "POST") {
      domain.status = "pending";
      return { status: 200, body: { object: "domain", id: domain.id } };
    }
    return refusal(405, "method_not_allowed", "This endpoint does not support the method.");
  }

  function list(query: URLSearchParams): Answer {
    const limit = Number(query.get("limit") ?? DEFAULT_LIMIT);
    if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT)
      return refusal(422, "validation_error", "limit must be between 1 and 100");
    const after = query.get("after");
    const start = after === null ? 0 : domains.findIndex(({ id }) => id === after) + 1;
    const data = domains
      .slice(start, start + limit)
      .map(({ id, name, region, status }) => ({ id, name, region, status }));
    return { status: 200, body: { object: "list", has_more: start + limit < domains.length, data } };
  }

  function createDomain(fields: Fields | undefined): Answer {
    if (fields === undefined || Object.keys(fields).some((field) => !DOMAIN_FIELDS.includes(field)))
      return refusal(422, "validation_error", "Unknown or malformed fields");
    const { name, region = "us-east-1" } = fields;
    if (typeof name !== "string" || !/^[a-z0-9-]+(\.[a-z0-9-]+)+$/.test(name))
      return refusal(422, "validation_error", "The `name` field is not a valid domain.");
    if (typeof region !== "string" || !REGIONS.includes(region))
      return refusal(422, "validation_error", "The `region` field is not valid.");
    if (domains.some((domain) => domain.name === name) || options.taken?.includes(name))
      return refusal(403, "validation_error", `The ${name} domain has been registered already.`);
    return { status: 201, body: wireDomain(add(name, region)) };
  }

  function createKey(fields: Fields | undefined): Answer {
    if (fields === undefined || Object.keys(fields).some((field) => !KEY_FIELDS.includes(field)))
      return refusal(422, "validation_error", "Unknown or malformed fields");
    const { name, permission = "full_access" } = fields;
    if (typeof name !== "string" || name.length < 1 || name.length > 50)
      return refusal(422, "validation_error", "The `name` field must have 1 to 50 characters.");
    if (permission !== "full_access" && permission !== "sending_access")
      return refusal(422, "validation_error", "The `permission` field is not valid.");
    const token = `re_${randomBytes(12).toString("hex")}`;
    keys.push({ name, token });
    return { status: 201, body: { id: idOf(token), token } };
  }

  /** Names come relative to the registered domain, whatever the domain itself is; texts of several words come quoted. */
  function wireDomain({ records, ...domain }: ResendApiDomain): object {
    const { subdomain } = parse(domain.name);
    const suffix = subdomain ? `.${subdomain}` : "";
    const own = records.map(({ name, value, ...record }) => ({
      ...record,
      name: `${name}${suffix}`,
      value: record.type === "TXT" && value.includes(" ") ? `"${value}"` : value,
    }));
    return { object: "domain", ...domain, records: [...own, ...(options.records?.(domain.name) ?? [])] };
  }

  function add(name: string, region: string): ResendApiDomain {
    const records = ownRecords(region);
    const domain = { id: idOf(name), name, region, status: "not_started", records };
    domains.push(domain);
    return domain;
  }
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(text: string): Fields | undefined {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
  } catch {
    return undefined;
  }
}

function ownRecords(region: string): ResendApiRecord[] {
  const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 1024 });
  const p = publicKey.export({ type: "spki", format: "der" }).toString("base64");
  const common = { ttl: "Auto", status: "not_started" };
  const exchanger = `feedback-smtp.${region}.amazonses.com`;
  return [
    { record: "SPF", name: "send", type: "MX", value: exchanger, priority: 10, ...common },
    { record: "SPF", name: "send", type: "TXT", value: "v=spf1 include:amazonses.com ~all", ...common },
    { record: "DKIM", name: "resend._domainkey", type: "TXT", value: `p=${p}`, ...common },
  ];
}

function idOf(text: string): string {
  const hex = createHash("sha256").update(text).digest("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join("-");
}

function refusal(statusCode: number, name: string, message: string): Answer {
  return { status: statusCode, body: { statusCode, name, message } };
}
