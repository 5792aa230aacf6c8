/** Names that the public Worker answers for, by label. */
export type PublicHost = "mta-sts" | "autoconfig" | "autodiscover";

export interface PublicRoute {
  /** What the route's resource is called after. */
  readonly name: string;
  readonly host: PublicHost;
  /** As a route's pattern has it: case counts, and a `*` at the end stands for anything, the query included. */
  readonly path: string;
}

/**
 * What reaches the public Worker. Each request that does counts against the plan's requests of the day, of which mail needs
 * some, so other paths lead past it. Clients write `autodiscover` in three ways.
 */
export const PUBLIC_ROUTES: readonly PublicRoute[] = [
  { name: "mta-sts", host: "mta-sts", path: "/.well-known/mta-sts.txt*" },
  { name: "autoconfig", host: "autoconfig", path: "/mail/config-v1.1.xml*" },
  { name: "autoconfig-profile", host: "autoconfig", path: "/mail.mobileconfig*" },
  { name: "autoconfig-well-known", host: "autoconfig", path: "/.well-known/*" },
  { name: "autoconfig-health", host: "autoconfig", path: "/healthz" },
  { name: "autodiscover", host: "autodiscover", path: "/autodiscover/*" },
  { name: "autodiscover-exchange", host: "autodiscover", path: "/Autodiscover/*" },
  { name: "autodiscover-outlook", host: "autodiscover", path: "/AutoDiscover/*" },
];

/** The patterns of the routes, by the name of the route. */
export function routePatterns(hostnames: Readonly<Record<PublicHost, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(PUBLIC_ROUTES.map(({ name, host, path }) => [name, `${hostnames[host]}${path}`]));
}
