import { type ListedZone, type Obstacle, type PickedZone, pickZone, zonesNamed } from "../zone";
import type { Get } from "./ask";
import { PreflightError } from "./error";

export async function findMailZone(get: Get, accountId: string, name: string): Promise<ListedZone | Obstacle> {
  return pickZone(await ownZones(get, accountId, name)) ?? (await noZone(get, accountId, name));
}

/** The zone only has to answer TXT queries, which a paused zone does. Undefined when the account has none. */
export async function findFurtherZone(get: Get, accountId: string, name: string): Promise<PickedZone> {
  return pickZone((await ownZones(get, accountId, name)).map((zone) => ({ ...zone, isPaused: false })));
}

/** The zone of `mail:acmeZone`, which must answer. */
export async function findAcmeZone(get: Get, accountId: string, name: string): Promise<ListedZone> {
  const zone = await findFurtherZone(get, accountId, name);
  if (zone !== undefined && !("fact" in zone)) return zone;
  const { fact, next } = zone ?? {
    fact: `The Cloudflare account ${accountId} has no zone ${name} that this token can see.`,
    next: "Add it in Cloudflare's dashboard or give the token access to it, then run the command again.",
  };
  throw new PreflightError(
    `${fact} It is the zone of mail:acmeZone. Nothing was changed. ${next} Or do without: pulumi config rm mail:acmeZone`,
  );
}

async function ownZones(get: Get, accountId: string, name: string): Promise<readonly ListedZone[]> {
  const listed = await listZones(get, name, { name, "account.id": accountId });
  return listed.filter((zone) => zone.id !== "" && (zone.accountId === "" || zone.accountId === accountId));
}

/** The token may see the zone in another account. */
async function noZone(get: Get, accountId: string, name: string): Promise<Obstacle> {
  const elsewhere = await listZones(get, name, { name });
  const other = elsewhere.find((zone) => zone.accountId !== "" && zone.accountId !== accountId)?.accountId;
  if (other === undefined)
    return {
      fact: `The Cloudflare account ${accountId} has no zone ${name} that this token can see.`,
      next:
        "Add the domain in Cloudflare's dashboard or give the token access to it, then run the command again; " +
        "mail:domain must be a zone of mail:accountId.",
    };
  return {
    fact:
      `The Cloudflare account ${accountId} (mail:accountId) has no zone ${name}: it is in the account ${other}, and a Worker ` +
      "serves the zones of its own account only.",
    next: `Move the zone to the account ${accountId}, or name the zone's account: pulumi config set mail:accountId ${other}`,
  };
}

async function listZones(get: Get, name: string, query: Readonly<Record<string, string>>) {
  const { status, result } = await get(`/zones?${new URLSearchParams(query).toString()}`);
  if (status !== 200 || !Array.isArray(result))
    throw new PreflightError(
      `Cloudflare refused the look-up of the zone ${name} (HTTP ${status}). Nothing was changed. Give the token the ` +
        "permission Zone Read and run the command again.",
    );
  return zonesNamed(name, result);
}

export function waits({ name, status, nameServers }: ListedZone): string {
  return (
    `The zone ${name} is ${status}: mail arrives only once the registrar names ${nameServers.join(" and ")}. ` +
    "On the free plan Cloudflare deletes a zone that waits longer than 28 days."
  );
}

/** Of the zone of `mail:acmeZone`: nobody asks its name servers yet. */
export function challengesWait({ name, status, nameServers }: ListedZone): string {
  return (
    `The zone ${name} (mail:acmeZone) is ${status}: no certificate is issued or renewed until the registrar names ` +
    `${nameServers.join(" and ")}.`
  );
}

export function leftOut({ fact }: Obstacle): string {
  return `${fact} This stack's records for it are left out; publish them where its name servers are (output nextSteps).`;
}
