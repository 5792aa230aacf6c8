import { domainToASCII } from "node:url";
import { oneLine } from "../../infra/settings/visible";
import type { ResendRecord } from "../../infra/settings/settings";
import { NewDomainError } from "./refused";
import { type Answer, type Api, type Json, objects, request, textOf } from "./request";
import { sendingRecords } from "./resend-record";

const RESEND_API = "https://api.resend.com";
const OK = 200;
const CREATED = 201;
const PAGE = 100;
const MAX_PAGES = 50;

/** Where Resend sends from; fixed once a domain is made. */
export const REGIONS = ["us-east-1", "eu-west-1", "sa-east-1", "ap-northeast-1"] as const;
export type Region = (typeof REGIONS)[number];

/** A domain at Resend, as GET /domains/{id} tells it. */
export interface ResendDomain {
  readonly id: string;
  readonly name: string;
  readonly region: string;
  /** `not_started`, `pending`, `verified`, `failed`, ... */
  readonly status: string;
  readonly records: readonly ResendRecord[];
}

/** @throws NewDomainError when the environment has no key */
export function resendApi(environment: NodeJS.ProcessEnv): Api {
  const token = environment["RESEND_API_KEY"]?.trim() ?? "";
  if (!/^[\w-]+$/.test(token))
    throw new NewDomainError(
      "RESEND_API_KEY is not set, or is no key. Nothing was changed. Make a key with full access at Resend for this command " +
        "(the relay's own key may only send), set it, and run the command again.",
    );
  const baseUrl = (environment["RESEND_BASE_URL"]?.trim() || RESEND_API).replace(/\/+$/, "");
  return { name: "Resend", baseUrl, token };
}

/** The domains of the key's team, without their records. */
export async function listDomains(api: Api): Promise<readonly Omit<ResendDomain, "records">[]> {
  const found: Omit<ResendDomain, "records">[] = [];
  let after = "";
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const query = new URLSearchParams({ limit: String(PAGE), ...(after === "" ? {} : { after }) });
    const answer = await request(api, "GET", `/domains?${query.toString()}`);
    if (answer.status !== OK) throw refused("the list of domains", answer);
    const domains = objects(answer.body["data"]).map(domainOf);
    found.push(...domains);
    const last = domains.at(-1)?.id;
    if (answer.body["has_more"] !== true || last === undefined || last === after) break;
    after = last;
  }
  return found;
}

/** The domain with its records. Undefined: the team has none of that name. */
export async function findDomain(api: Api, name: string): Promise<ResendDomain | undefined> {
  const known = (await listDomains(api)).find((domain) => domain.name === name);
  return known === undefined ? undefined : await getDomain(api, known.id);
}

/** Makes the domain, or takes up the one that another run has made in between. */
export async function createDomain(api: Api, name: string, region: string): Promise<ResendDomain> {
  const answer = await request(api, "POST", "/domains", { name, region });
  if (answer.status === CREATED || answer.status === OK) return await getDomain(api, textOf(answer.body["id"]));
  const known = await findDomain(api, name);
  if (known !== undefined) return known;
  throw refused(`the new domain ${name}`, answer);
}

/** Has Resend look for the records; it does so in its own time. */
export async function verifyDomain(api: Api, { id, name }: ResendDomain): Promise<void> {
  const answer = await request(api, "POST", `/domains/${encodeURIComponent(id)}/verify`);
  if (answer.status !== OK) throw refused(`the verification of ${name}`, answer);
}

/** A key that can send for every domain of the team and do nothing else. Resend shows it this once. */
export async function createSendingKey(api: Api, name: string): Promise<string> {
  const answer = await request(api, "POST", "/api-keys", { name, permission: "sending_access" });
  const token = textOf(answer.body["token"]);
  if ((answer.status === CREATED || answer.status === OK) && token !== "") return token;
  throw refused("a new sending key", answer);
}

async function getDomain(api: Api, id: string): Promise<ResendDomain> {
  const answer = await request(api, "GET", `/domains/${encodeURIComponent(id)}`);
  if (answer.status !== OK) throw refused("the domain's records", answer);
  const domain = domainOf(answer.body);
  const records = sendingRecords(objects(answer.body["records"]), domain.name);
  if (records.length === 0)
    throw new NewDomainError(
      `Resend names no DNS records for ${domain.name}. The domain is there and the stack file is as it was. ` +
        "Look at it in Resend's dashboard, then run the command again.",
    );
  return { ...domain, records };
}

function domainOf(domain: Json): Omit<ResendDomain, "records"> {
  return {
    id: textOf(domain["id"]),
    name: domainToASCII(textOf(domain["name"])).replace(/\.$/, ""),
    region: textOf(domain["region"]),
    status: textOf(domain["status"]),
  };
}

function refused(what: string, { status, body }: Answer): NewDomainError {
  const kind = textOf(body["name"]);
  const remedy =
    kind === "restricted_api_key"
      ? "RESEND_API_KEY may only send. Use a key with full access for this command."
      : kind === "missing_api_key" || kind === "invalid_api_key"
        ? "Set RESEND_API_KEY to a key with full access."
        : "Mend that and run the command again; what was done before is taken up.";
  return new NewDomainError(
    `Resend refuses ${what}: ${oneLine(textOf(body["message"])) || `status ${status}`}. ${remedy}`,
  );
}
