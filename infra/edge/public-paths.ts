/** Names that the public Worker answers for, by label. */
export type PublicHost = "mta-sts" | "autoconfig" | "autodiscover";

export interface PublicRoute {
  /** The route's resource is named after it. */
  readonly name: string;
  readonly host: PublicHost;
  /** As in a route's pattern: case-sensitive, and a `*` at the end stands for anything, including the query. */
  readonly path: string;
}

/**
 * The paths that lead to the public Worker. Each request there counts against the plan's daily requests, which mail needs too,
 * so other paths bypass the Worker. Clients write `autodiscover` in three ways.
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
