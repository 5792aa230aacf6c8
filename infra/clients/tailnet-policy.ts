import { TAILNET_PORTS, TRAEFIK_PORTS } from "../host/layout";
import type { TailnetSettings } from "../settings/settings";

const DNS_PORT = 53;

/** What the tailnet's policy file needs, in its own words (Tailscale's policy syntax: `tagOwners`, `grants`). */
export interface PolicyFragment {
  readonly tagOwners: Readonly<Record<string, readonly string[]>>;
  readonly grants: readonly Grant[];
}

interface Grant {
  readonly src: readonly string[];
  readonly dst: readonly string[];
  readonly ip: readonly string[];
}

/** Members reach the mail ports of the host's machine and, where it resolves names, its resolver; it reaches nobody. */
export function policyFragment({ mode, tag }: TailnetSettings): PolicyFragment {
  const mail = TAILNET_PORTS.map((name) => `tcp:${TRAEFIK_PORTS[name]}`);
  const dns = mode === "split-dns" ? [`udp:${DNS_PORT}`, `tcp:${DNS_PORT}`] : [];
  return {
    tagOwners: { [tag]: ["autogroup:admin"] },
    grants: [{ src: ["autogroup:member"], dst: [tag], ip: [...mail, ...dns] }],
  };
}

/**
 * The policy with the fragment added and nothing taken away; an owner that the tag has already stays its only one. A policy
 * that has everything is given back as it is, with its comments.
 *
 * @param current as Tailscale's API gives it: with comments, and as plain JSON
 * @throws for a policy that is no JSON object
 */
export function withFragment(
  current: { readonly hujson: string; readonly json: string },
  fragment: PolicyFragment,
): string {
  const policy: unknown = JSON.parse(current.json);
  if (!isObject(policy)) throw new Error("Tailscale's policy file is no object. Nothing was changed.");
  const owners = isObject(policy["tagOwners"]) ? policy["tagOwners"] : {};
  const grants: readonly unknown[] = Array.isArray(policy["grants"]) ? policy["grants"] : [];
  const lackedOwners = Object.entries(fragment.tagOwners).filter(([tag]) => !Object.hasOwn(owners, tag));
  const lackedGrants = fragment.grants.filter((grant) => !grants.some((other) => same(other, grant)));
  if (lackedOwners.length === 0 && lackedGrants.length === 0) return current.hujson;
  const merged = {
    ...policy,
    tagOwners: { ...owners, ...Object.fromEntries(lackedOwners) },
    grants: [...grants, ...lackedGrants],
  };
  return `${JSON.stringify(merged, undefined, 2)}\n`;
}

/** Whether a grant of the file is the one that is needed; order does not count. */
function same(other: unknown, grant: Grant): boolean {
  if (!isObject(other)) return false;
  const keys = ["src", "dst", "ip"] as const;
  return (
    Object.keys(other).length === keys.length &&
    keys.every((key) => {
      const list: unknown = other[key];
      return Array.isArray(list) && JSON.stringify(list.map(String).sort()) === JSON.stringify([...grant[key]].sort());
    })
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
