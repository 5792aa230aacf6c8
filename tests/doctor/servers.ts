import type { Settings } from "../../infra/settings/settings";
import type { Deployment } from "../../ops/doctor/context";
import type { Outside } from "../../sandbox/outside";
import { LabDns } from "./dns/server";
import { type Internet, internetOf, neighbours } from "./internet";
import { LabWeb } from "./web";

export interface Servers {
  readonly internet: Internet;
  readonly dns: LabDns;
  readonly web: LabWeb;
  close(): Promise<void>;
}

export interface Served {
  readonly outside: Outside;
  readonly settings: Settings;
  readonly records: Deployment["records"];
  /** Domains of the account beside the first. */
  readonly further?: readonly string[];
}

/** The internet around a sandbox as real servers on loopback: DNS with signatures, HTTPS, SMTP with STARTTLS. */
export async function startInternet({ outside, settings, records, further = [] }: Served): Promise<Servers> {
  const internet = internetOf(outside.world, [settings.domain, ...further], neighbours(settings, records));
  const dns = new LabDns([...internet.zones, internet.parent, internet.elsewhere]);
  await dns.start();
  const server = `https://${settings.hostnames.server}`;
  const web = new LabWeb([...answered(records, further)], (url, init) => {
    // The sandbox's Stalwart has no calendars (facts: it redirects there).
    const path = url.startsWith(server) ? /^\/\.well-known\/(caldav|carddav)$/.exec(new URL(url).pathname) : null;
    if (path) return Promise.resolve(new Response(null, { status: 307, headers: { location: "/dav" } }));
    return outside.fetch(url, init);
  });
  await web.start();
  return {
    internet,
    dns,
    web,
    async close() {
      dns.close();
      await web.close();
    },
  };
}

/** Names that answer HTTPS or SMTP. */
function answered(records: Deployment["records"], further: readonly string[]): ReadonlySet<string> {
  const own = records.flatMap(({ data, name, proxied }) =>
    proxied ? [name] : data.type === "MX" ? [data.target] : [],
  );
  const labels = ["mta-sts", "autoconfig", "autodiscover"];
  return new Set([...own, ...further.flatMap((domain) => labels.map((label) => `${label}.${domain}`))]);
}
