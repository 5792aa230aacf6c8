/** Zones as Cloudflare's API lists them (`GET /zones`), and what keeps one from carrying mail. Uses neither Pulumi nor the network. */
import { domainToASCII } from "node:url";

import { oneLine } from "./settings/visible";

export interface ListedZone {
  readonly id: string;
  /** Lower case, A-labels, no final dot. */
  readonly name: string;
  /** Empty when the API does not say it. */
  readonly accountId: string;
  readonly status: string;
  readonly type: string;
  readonly isPaused: boolean;
  readonly nameServers: readonly string[];
}

/** The zones of that name in a list from the API, which may include other names and every account that the token can see. */
export function zonesNamed(name: string, result: unknown): readonly ListedZone[] {
  const items: readonly unknown[] = Array.isArray(result) ? result : [];
  return items.flatMap((item) => (isObject(item) ? [listedZone(item)] : [])).filter((zone) => zone.name === name);
}

/** An item of the list, or the answer to creating a zone. What the API leaves out is taken to be as in an ordinary zone. */
export function listedZone(zone: Readonly<Record<string, unknown>>): ListedZone {
  const { id, name, account, status, type, paused, name_servers: nameServers } = zone;
  return {
    id: textOf(id),
    name: hostname(textOf(name)),
    accountId: isObject(account) ? textOf(account["id"]).toLowerCase() : "",
    status: oneLine(textOf(status), MAX_WORD_CHARACTERS),
    type: oneLine(textOf(type), MAX_WORD_CHARACTERS) || "full",
    isPaused: paused === true,
    nameServers: Array.isArray(nameServers) ? nameServers.map((server) => hostname(String(server))) : [],
  };
}

/** Why a zone cannot be used, and the next step: whole sentences. */
export interface Obstacle {
  readonly fact: string;
  readonly next: string;
}

/** Undefined when there is no zone of this name. */
export type PickedZone = ListedZone | Obstacle | undefined;

/** Of several zones of one name, the one that can carry mail: Cloudflare keeps leftovers of moved domains beside it. */
export function pickZone(zones: readonly ListedZone[]): PickedZone {
  const usable = zones.filter((zone) => obstacleOf(zone) === undefined);
  const active = usable.filter(({ status }) => status === "active");
  const [only, ...more] = active.length > 0 ? active : usable;
  if (only === undefined) return zones[0] && obstacleOf(zones[0]);
  if (more.length === 0) return only;
  const places = [only, ...more].map(({ id, accountId }) => `${id} (account ${accountId || "unknown"})`);
  return {
    fact: `There are several zones ${only.name}: ${places.join(", ")}. It is not clear which one the world sees.`,
    next: "Remove all but one in Cloudflare's dashboard, then run the command again.",
  };
}

/** What keeps a zone from carrying mail, and the next step. A zone that waits for its registrar can be prepared. */
export function obstacleOf(zone: ListedZone): Obstacle | undefined {
  const { name, type, status, isPaused, nameServers } = zone;
  const then = "then run the command again.";
  if (type !== "full")
    return {
      fact: `The zone ${name} is of type ${type}: ${TYPES[type] ?? "Email Routing needs one of type full"}.`,
      next: `Convert it to a full setup (Cloudflare's dashboard: ${name}, DNS, Settings) and enter its name servers at the registrar, ${then}`,
    };
  if (status !== "active" && status !== "pending") {
    const [fact, next] = STATUSES[status] ?? ["Cloudflare does not serve it", "Look at it in Cloudflare's dashboard"];
    const servers = nameServers.join(" and ") || "Cloudflare's name servers";
    return {
      fact: `The zone ${name} has the status ${status || "unknown"}: ${fact}.`,
      next: `${next.replace("{servers}", () => servers)}, ${then}`,
    };
  }
  if (isPaused)
    return {
      fact: `The zone ${name} is paused: Cloudflare proxies nothing, so no request reaches a Worker, Access or the tunnel, and no mail reaches the host.`,
      next: `Resume it (Cloudflare's dashboard: ${name}, Overview, Enable Cloudflare on Site), ${then}`,
    };
  return undefined;
}

/** Why a zone of this type cannot carry mail (Cloudflare, DNS, Zone setups). */
const TYPES: Readonly<Record<string, string>> = {
  partial:
    "its name servers are not Cloudflare's, so nobody would see the MX of Email Routing or any other record of this program",
  secondary: "its records come from another provider, so Email Routing and this program cannot add any",
  internal: "only the account's own resolvers see it",
};

/** What each means, and what to do (Cloudflare, DNS, Zone status). */
const STATUSES: Readonly<Record<string, readonly [string, string]>> = {
  initializing: [
    "somebody added it without choosing a plan, and Cloudflare answers no DNS query for it",
    "Finish its setup in Cloudflare's dashboard",
  ],
  moved: [
    "the registrar names other name servers, so nobody sees its records, and on the free plan Cloudflare deletes it after seven days",
    "Enter {servers} at the registrar",
  ],
  deleted: [
    "it was removed from the account, and Cloudflare deletes it for good after seven days",
    "Add the domain again in Cloudflare's dashboard and enter its new name servers at the registrar",
  ],
  deactivated: ["Cloudflare has switched it off", "Ask Cloudflare's support why"],
};

/** RFC 1035 §2.3.4. */
const MAX_HOSTNAME_CHARACTERS = 255;
const MAX_WORD_CHARACTERS = 100;

function hostname(text: string): string {
  const name = oneLine(text, MAX_HOSTNAME_CHARACTERS).trim().toLowerCase().replace(/\.$/, "");
  return /[^\p{ASCII}]/u.test(name) ? domainToASCII(name) || name : name;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
