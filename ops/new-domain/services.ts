import type { Asked } from "./arguments";
import { NewDomainError } from "./refused";
import type { Api } from "./request";
import { createDomain, findDomain, listDomains, REGIONS, type ResendDomain } from "./resend";
import type { Step } from "./step";
import { accountFor, createZone, findZone, type Zone } from "./zone";

export interface Services {
  readonly cloudflare: Api;
  readonly resend: Api;
}

/** What the services already have for the domain, and where to make what is missing. */
export interface Found {
  readonly zone: Zone | undefined;
  /** Of the zone that is missing. */
  readonly accountId: string;
  readonly resend: ResendDomain | undefined;
  readonly region: string;
}

/** What decides in which account and region the domain belongs. */
export interface Belonging {
  /** The account that the zone must be in; undefined: any. */
  readonly accountId: string | undefined;
  /** For an account that cannot be derived. */
  readonly fallbackAccountId: string | undefined;
  /** Of the host's stack. */
  readonly hostDomain: string | undefined;
}

/** Looks, and makes nothing. @throws NewDomainError for what would stop the deployment later */
export async function find(asked: Asked, services: Services, belonging: Belonging): Promise<Found> {
  const { cloudflare } = services;
  const { accountId: wanted, fallbackAccountId } = belonging;
  const zone = await findZone(cloudflare, asked.domain, wanted);
  if (zone && wanted !== undefined && zone.accountId !== "" && zone.accountId !== wanted)
    throw new NewDomainError(
      `The zone ${asked.domain} is in the account ${zone.accountId}, and ${asked.host === undefined ? "mail:accountId of the stack file" : "the host's"} is ` +
        `${wanted}. Nothing was changed: one Worker cannot serve two accounts. Move the zone` +
        (asked.host === undefined ? "." : ", or give the domain a host of its own by leaving out --host."),
    );
  const accountId = zone?.accountId ?? (asked.dryRun ? "" : await accountFor(cloudflare, wanted ?? fallbackAccountId));
  return { zone, accountId, ...(await findAtResend(asked, services.resend, belonging)) };
}

async function findAtResend(
  { domain, region }: Asked,
  api: Api,
  { hostDomain }: Belonging,
): Promise<Pick<Found, "resend" | "region">> {
  const resend = await findDomain(api, domain);
  if (resend && region !== undefined && resend.region !== region)
    throw new NewDomainError(
      `${domain} is at Resend in ${resend.region}, which cannot be changed. The stack file is as it was. Leave out --region.`,
    );
  return { resend, region: region ?? resend?.region ?? (await regionOf(api, hostDomain)) ?? REGIONS[0] };
}

async function regionOf(api: Api, hostDomain: string | undefined): Promise<string | undefined> {
  if (hostDomain === undefined) return undefined;
  return (await listDomains(api)).find(({ name }) => name === hostDomain)?.region;
}

/** Makes the zone where it is missing. */
export async function makeZone(
  { domain, dryRun }: Asked,
  api: Api,
  found: Found,
  steps: Step[],
): Promise<Zone | undefined> {
  const zone = found.zone ?? (dryRun ? undefined : await createZone(api, domain, found.accountId));
  const servers = zone && zone.status !== "active" ? `; the registrar must name ${zone.nameServers.join(" and ")}` : "";
  steps.push(
    zone === undefined
      ? { what: "zone", state: "would be made", detail: domain }
      : {
          what: "zone",
          state: found.zone ? "found" : "made",
          detail: `${zone.status}, account ${zone.accountId}${servers}`,
        },
  );
  return zone;
}

/** Makes the domain at Resend where it is missing. */
export async function makeAtResend(
  { domain, dryRun }: Asked,
  api: Api,
  { resend, region }: Found,
  steps: Step[],
): Promise<ResendDomain | undefined> {
  if (resend === undefined && dryRun) {
    steps.push({ what: "Resend", state: "would be made", detail: `${domain} in ${region}; its records come then` });
    return undefined;
  }
  const made = resend ?? (await createDomain(api, domain, region));
  const detail = `${made.region}, ${made.status}, ${made.records.length} records`;
  steps.push({ what: "Resend", state: resend ? "found" : "made", detail });
  return made;
}
