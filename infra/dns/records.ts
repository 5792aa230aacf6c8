import type { DomainSettings, FurtherSettings, Settings } from "../settings/settings";
import { discoveryRecords } from "./discovery";
import { dkimRecords } from "./dkim";
import type { Draft } from "./draft";
import { edgeRecords, hostRecords } from "./edge";
import { recordKey } from "./key";
import { compareRecords } from "./order";
import { policyRecords } from "./policy";
import type { MailRecord } from "./record";
import { reportAuthorisations } from "./reports";
import { resendRecords } from "./resend";
import { routingRecords } from "./routing";

/** Cloudflare's spelling of "automatic": demanded on proxied records, and what Email Routing uses for its own. */
export const AUTOMATIC_TTL = 1;

/** Seconds: Cloudflare's own automatic value, so that a wrong record is forgotten five minutes after it is mended. */
export const TTL_SECONDS = 300;

/** Every DNS record that the host's deployment needs, in a stable order: by name, apex first; other people's zones last. */
export function mailRecords(settings: Settings): MailRecord[] {
  return inOrder(settings.domain, [...hostRecords(settings), ...domainDrafts(settings)]);
}

/** Every DNS record that a further domain needs, in the same order. The host's names are in the host's zone. */
export function furtherRecords(settings: FurtherSettings): MailRecord[] {
  return inOrder(settings.domain, domainDrafts(settings));
}

function domainDrafts(settings: DomainSettings): Draft[] {
  return [
    ...routingRecords(settings),
    ...policyRecords(settings),
    ...dkimRecords(settings),
    ...resendRecords(settings),
    ...edgeRecords(settings),
    ...discoveryRecords(settings),
    ...reportAuthorisations(settings),
  ];
}

function inOrder(domain: string, drafts: readonly Draft[]): MailRecord[] {
  return drafts.map((draft) => finish(draft, domain)).sort(compareRecords(domain));
}

function finish(draft: Draft, domain: string): MailRecord {
  const { name, data, level, why, zone = domain, owner = "program", proxied = false } = draft;
  return {
    key: recordKey(relativeTo(domain, name), data),
    name,
    zone,
    data,
    ttl: proxied || owner === "email-routing" ? AUTOMATIC_TTL : TTL_SECONDS,
    proxied,
    level,
    owner,
    why,
  };
}

/** `@` for the domain itself, the labels below it, or the whole name when it is elsewhere. */
function relativeTo(domain: string, name: string): string {
  if (name === domain) return "@";
  return name.endsWith(`.${domain}`) ? name.slice(0, -domain.length - 1) : name;
}
