import { oneLine } from "../../infra/settings/visible";
import { NewDomainError } from "./refused";
import { type Answer, type Api, isObject, objects, request, textOf } from "./request";

const CLOUDFLARE_API = "https://api.cloudflare.com/client/v4";
const OK = 200;

export interface Zone {
  readonly name: string;
  readonly accountId: string;
  /** `active`, or `pending` until the registrar names its servers. */
  readonly status: string;
  readonly nameServers: readonly string[];
}

/** @throws NewDomainError when the environment has no token */
export function cloudflareApi(environment: NodeJS.ProcessEnv): Api {
  const token = environment["CLOUDFLARE_API_TOKEN"]?.trim() ?? "";
  if (!/^[\w-]+$/.test(token))
    throw new NewDomainError(
      "CLOUDFLARE_API_TOKEN is not set, or is no token. Nothing was changed. Set it to the token of docs/start.md, then run " +
        "the command again.",
    );
  const baseUrl = (environment["CLOUDFLARE_BASE_URL"]?.trim() || CLOUDFLARE_API).replace(/\/+$/, "");
  return { name: "Cloudflare", baseUrl, token };
}

/**
 * The domain's zone, in any account that the token sees. Undefined: there is none.
 *
 * @throws NewDomainError when Cloudflare refuses, or two accounts have it
 */
export async function findZone(api: Api, domain: string): Promise<Zone | undefined> {
  const answer = await request(api, "GET", `/zones?${new URLSearchParams({ name: domain }).toString()}`);
  if (answer.status !== OK) throw refused(`the look-up of the zone ${domain}`, "Zone Read", answer);
  const found = objects(answer.body["result"])
    .filter(({ name }) => name === domain)
    .map(zoneOf);
  if (found.length <= 1) return found[0];
  // A zone may be pending in an account that never got the domain.
  const active = found.filter(({ status }) => status === "active");
  if (active.length === 1) return active[0];
  throw new NewDomainError(
    `Several accounts have a zone ${domain}: ${found.map(({ accountId }) => accountId).join(", ")}. Nothing was changed. ` +
      "Remove all but one in the dashboard, or use a token that sees one account only.",
  );
}

/** Which account a new zone belongs to: the given one, or the only one that the token sees. */
export async function accountFor(api: Api, given: string | undefined): Promise<string> {
  if (given !== undefined) return given;
  const answer = await request(api, "GET", "/accounts?per_page=50");
  if (answer.status !== OK) throw refused("the list of accounts", "Account Settings Read", answer);
  const ids = objects(answer.body["result"]).map(({ id }) => textOf(id));
  const [id, ...others] = ids;
  if (id !== undefined && others.length === 0) return id;
  throw new NewDomainError(
    `The token sees ${ids.length} accounts, so it is not clear where the zone belongs. Nothing was changed. Name one: ` +
      "CLOUDFLARE_ACCOUNT_ID=... before the command.",
  );
}

/** Adds a zone; Cloudflare then waits for the registrar to name its servers. */
export async function createZone(api: Api, domain: string, accountId: string): Promise<Zone> {
  const answer = await request(api, "POST", "/zones", { name: domain, account: { id: accountId }, type: "full" });
  const { result } = answer.body;
  if (answer.status !== OK || !isObject(result)) throw refused(`a new zone ${domain}`, "Zone Edit", answer);
  return zoneOf(result);
}

function zoneOf(zone: Readonly<Record<string, unknown>>): Zone {
  const { account, name_servers: nameServers } = zone;
  return {
    name: textOf(zone["name"]),
    accountId: isObject(account) ? textOf(account["id"]) : "",
    status: textOf(zone["status"]),
    nameServers: Array.isArray(nameServers) ? nameServers.map(String) : [],
  };
}

function refused(what: string, permission: string, { status, body }: Answer): NewDomainError {
  const reasons = objects(body["errors"]).map(({ message }) => oneLine(textOf(message)));
  return new NewDomainError(
    `Cloudflare refuses ${what}: ${reasons.join("; ") || `status ${status}`}. Nothing was changed there. Give the token the ` +
      `permission ${permission} and run the command again.`,
  );
}
