import { parseAccountId } from "../../infra/settings/values";
import { type ListedZone, listedZone, pickZone, zonesNamed } from "../../infra/zone";
import { oneLine } from "../../infra/settings/visible";
import { NewDomainError } from "./refused";
import { type Answer, type Api, isObject, objects, request, textOf } from "./request";

export const CLOUDFLARE_API = "https://api.cloudflare.com/client/v4";
const OK = 200;

export type Zone = Pick<ListedZone, "name" | "accountId" | "status" | "nameServers">;

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
 * The domain's zone, in the wanted account before any other that the token sees. Undefined: there is none.
 *
 * @throws NewDomainError when Cloudflare refuses, the zone cannot carry mail, or two accounts have it
 */
export async function findZone(api: Api, domain: string, wanted: string | undefined): Promise<Zone | undefined> {
  const answer = await request(api, "GET", `/zones?${new URLSearchParams({ name: domain }).toString()}`);
  if (answer.status !== OK) throw refused(`the look-up of the zone ${domain}`, "Zone Read", answer);
  const found = zonesNamed(domain, answer.body["result"]);
  const own = found.filter(({ accountId }) => accountId === wanted);
  const picked = pickZone(own.length > 0 ? own : found);
  if (picked === undefined) return undefined;
  if ("fact" in picked) throw new NewDomainError(`${picked.fact} Nothing was changed. ${picked.next}`);
  return checkAccount(picked);
}

/** The stack file needs the account's id, which later checks compare. */
function checkAccount(zone: ListedZone): ListedZone {
  if (parseAccountId(zone.accountId).ok) return zone;
  throw new NewDomainError(
    `Cloudflare does not say which account the zone ${zone.name} is in. Nothing was changed. Give the token the permission ` +
      "Zone Read for it, then run the command again.",
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
  return checkAccount(listedZone(result));
}

function refused(what: string, permission: string, { status, body }: Answer): NewDomainError {
  const reasons = objects(body["errors"]).map(({ message }) => oneLine(textOf(message)));
  return new NewDomainError(
    `Cloudflare refuses ${what}: ${reasons.join("; ") || `status ${status}`}. Nothing was changed there. Give the token the ` +
      `permission ${permission} and run the command again.`,
  );
}
