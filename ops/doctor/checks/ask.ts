import type { MailRecord } from "../../../infra/dns/record";
import type { Check, Finding } from "../check";
import { error } from "../check";
import type { Context, Deployment, DnsAnswer, NameServer, RecordType } from "../context";

/** What one server of the zone says. */
export interface Said {
  readonly server: NameServer;
  readonly answer: DnsAnswer;
}

/** The question to every server of the zone, with their names beside the answers. */
export async function askAll({ dns }: Context, zone: string, name: string, type: RecordType): Promise<readonly Said[]> {
  const { servers } = await dns.delegation(zone);
  return await Promise.all(servers.map(async (server) => ({ server, answer: await dns.ask(server, name, type) })));
}

/**
 * The first judgement of one server's values that is not ok, told with the server's name when the others differ; otherwise
 * that of all.
 */
export function worst(findings: readonly { readonly server: NameServer; readonly finding: Finding }[]): Finding {
  const bad = findings.find(({ finding }) => finding.status !== "ok");
  if (bad === undefined) return findings[0]?.finding ?? error("no server of the zone was asked", "an answer", "");
  const isEverywhere = findings.every(({ finding }) => finding.current === bad.finding.current);
  return isEverywhere
    ? bad.finding
    : { ...bad.finding, current: `${bad.finding.current} (at ${bad.server.name} only)` };
}

/** Values as one text, the same for the same set. */
export function list(values: readonly string[]): string {
  return values.length === 0 ? "nothing" : [...values].sort().join(", ");
}

/** What writes the program's values over what somebody changed meanwhile. */
export function converge({ stack }: Deployment): string {
  return `pulumi up --refresh --stack ${stack}`;
}

/** `imap-tcp` for `imap-tcp.augustin.ai`, `@` for the domain itself. */
export function relative(name: string, domain: string): string {
  if (name === domain) return "@";
  return name.endsWith(`.${domain}`) ? name.slice(0, -domain.length - 1) : name;
}

export function recordId(type: string, name: string, domain: string): string {
  return `records.${type.toLowerCase()}.${relative(name, domain)}`;
}

/** Any DKIM key, also one that does not sign yet or no more: receivers have to read it too. */
export function isDkimKey({ name }: Pick<MailRecord, "name">): boolean {
  return name.includes("._domainkey.");
}

/** The usual shape of a check of public things. */
export function publicCheck(check: Omit<Check, "credentials">): Check {
  return { credentials: [], ...check };
}
