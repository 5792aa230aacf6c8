import { parseAddress } from "./address";
import { bad, type Checked, good } from "./fault";
import { parseDistinct } from "./list";
import type { Settings, TailnetSettings, TunnelledService } from "./settings";
import { parseChoice } from "./values";

/** The name that a record below the domain has for the tailnet's address. */
const TAILNET_LABEL = "imap";

/** Names of the services behind the Cloudflare tunnel's TCP ingress, below the domain. */
const TCP_LABELS = {
  imaps: "imap-tcp",
  submissions: "submission-tcp",
  sieve: "sieve-tcp",
} as const satisfies Record<TunnelledService, string>;

const TUNNELLED: readonly TunnelledService[] = ["imaps", "submissions", "sieve"];

export type TailnetMode = TailnetSettings["mode"] | "off";

/** Labels that the ways in for mail clients use, each with what uses it. */
export function clientLabels(
  mode: TailnetMode | undefined,
  services: readonly TunnelledService[] | undefined,
): ReadonlyMap<string, string> {
  return new Map([
    ...(mode === "dns-record" ? [[TAILNET_LABEL, "the mail server on the tailnet (mail:tailnet)"] as const] : []),
    ...(services ?? []).map(
      (service) => [TCP_LABELS[service], `the TCP tunnel's ${service} (mail:clientTcp)`] as const,
    ),
  ]);
}

/**
 * The name that clients use for 993, 465, 587 and 4190, which must answer there: with a record of its own that one,
 * otherwise the server's, which the tailnet resolves to itself in the mode `split-dns`.
 */
export function clientsHostname(mode: TailnetMode, server: string, domain: string): string {
  return mode === "dns-record" ? `${TAILNET_LABEL}.${domain}` : server;
}

/** The names of {@link TunnelledService}, whether or not they are offered. */
export function tcpHostnames(domain: string): Readonly<Record<TunnelledService, string>> {
  const name = (service: TunnelledService) => `${TCP_LABELS[service]}.${domain}`;
  return { imaps: name("imaps"), submissions: name("submissions"), sieve: name("sieve") };
}

export function parseTunnelled(text: string): Checked<readonly TunnelledService[]> {
  return parseDistinct(text, (item) => {
    const checked = parseChoice(item, TUNNELLED);
    return checked.ok
      ? checked
      : bad(...checked.faults.map((fault) => ({ ...fault, rule: "is no service of the TCP tunnel" })));
  });
}

/** Checks who may use the TCP tunnel; nobody named is the primary address alone. */
export function parsePeople(text: string, primary: string | undefined): Checked<readonly string[]> {
  const checked = parseDistinct(text, parseAddress);
  return checked.ok && checked.value.length === 0 && primary !== undefined ? good([primary]) : checked;
}

const ADMIN_ACCESS: readonly Settings["adminAccess"][] = ["access", "public", "tailnet"];

/** Checks who can reach the web interface; `tailnet` is allowed only with a tailnet. */
export function parseAdminAccess(text: string, tailnet: TailnetMode | undefined): Checked<Settings["adminAccess"]> {
  const checked = parseChoice(text, ADMIN_ACCESS);
  if (!checked.ok || checked.value !== "tailnet" || tailnet !== "off") return checked;
  return bad({
    rule: "needs a tailnet, and mail:tailnet is off",
    consequence: "Nobody could reach the web interface.",
    mend: "access",
  });
}

/** Checks a tag as Tailscale's policy has it (tailscale.com `tailcfg.CheckTag`, in lower case as its console keeps it). */
export function parseTag(text: string): Checked<string> {
  if (/^tag:[a-z][a-z0-9-]{0,49}$/.test(text)) return good(text);
  if (/^[a-z][a-z0-9-]{0,49}$/.test(text)) return bad({ rule: "lacks tag: in front", mend: `tag:${text}` });
  return bad({ rule: "is no tag of a tailnet" });
}

/** Checks a machine's name: one DNS label, because MagicDNS makes a name of it. */
export function parseMachineName(text: string): Checked<string> {
  if (/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(text)) return good(text);
  return bad({ rule: "is no machine name" });
}

/**
 * The name under which a laptop's mail programs reach its own end of the TCP tunnel; the certificate carries it, and a line
 * of the hosts file leads it there. Not the server's name: the browser would no longer find JMAP on that laptop. Not the
 * tunnel's: cloudflared itself would no longer find the tunnel.
 */
export function laptopHostname({ domain }: { readonly domain: string }): string {
  return `${TAILNET_LABEL}.${domain}`;
}
