import type { Settings } from "../settings/settings";
import { discoveryRecords } from "./discovery";
import { dkimRecords } from "./dkim";
import type { Draft } from "./draft";
import { edgeRecords } from "./edge";
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

/** Every DNS record that the deployment needs, in a stable order: by name, apex first; other people's zones last. */
export function mailRecords(settings: Settings): MailRecord[] {
  const drafts: Draft[] = [
    ...routingRecords(settings),
    ...policyRecords(settings),
    ...dkimRecords(settings),
    ...resendRecords(settings),
    ...edgeRecords(settings),
    ...discoveryRecords(settings),
    ...reportAuthorisations(settings),
  ];
  return drafts.map((draft) => finish(draft, settings.domain)).sort(compareRecords(settings.domain));
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
