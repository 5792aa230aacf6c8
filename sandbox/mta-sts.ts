import { parsePolicy, validateMx } from "mailauth/lib/mta-sts";

import type { Outside } from "./outside";

/** The policy at the name that RFC 8461 fixes does not let senders reach the domain's MX. */
export class PolicyMismatch extends Error {}

/**
 * Fetches the domain's MTA-STS policy as a sending server does, and compares it with the MX that the zone answers
 * (RFC 8461 sections 3.3 and 4.1).
 *
 * @returns the MX hosts, all covered by the policy
 */
export async function checkPolicy(outside: Outside, domain: string): Promise<string[]> {
  const url = `https://mta-sts.${domain}/.well-known/mta-sts.txt`;
  const response = await outside.fetch(url);
  if (response.status !== 200) throw new PolicyMismatch(`${url} answers HTTP ${response.status}.`);
  const policy = parsePolicy(await response.text());
  const zone = outside.world.zones.find(({ name }) => name === domain);
  const mx = (zone?.records ?? [])
    .filter(({ type, name }) => type === "MX" && name === domain)
    .map(({ content }) => content);
  const uncovered = mx.filter((host) => !validateMx(host, policy).valid);
  if (mx.length === 0 || uncovered.length > 0)
    throw new PolicyMismatch(`${url} does not cover ${uncovered.join(", ") || "any MX"}: senders would not deliver.`);
  return mx;
}
