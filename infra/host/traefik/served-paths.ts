/**
 * The paths that Traefik passes on to Stalwart; it answers all others itself with 404. Stalwart bans clients that request paths
 * which scanners request, and a picture in a mail can make its reader request one (`crates/http/src/request.rs`, 0.16.18).
 */
export interface ServedPath {
  /** This path and, unless `exact`, everything below it. */
  readonly path: string;
  readonly exact?: true;
  /**
   * `open`: checks no password. `login`: checks one, so requests from other sites' pages are refused. `administration`: the web
   * interface, which `mail:adminAccess` opens or closes.
   */
  readonly kind: "open" | "login" | "administration";
  readonly why: string;
}

export const SERVED_PATHS: readonly ServedPath[] = [
  { path: "/", exact: true, kind: "open", why: "leads to the web interface" },
  { path: "/.well-known/jmap", exact: true, kind: "open", why: "JMAP discovery (RFC 8620 section 2.2)" },
  { path: "/.well-known/caldav", kind: "open", why: "CalDAV discovery (RFC 6764 section 5)" },
  { path: "/.well-known/carddav", kind: "open", why: "CardDAV discovery (RFC 6764 section 5)" },
  { path: "/.well-known/oauth-authorization-server", kind: "open", why: "OAuth discovery (RFC 8414 section 3)" },
  { path: "/.well-known/oauth-protected-resource", kind: "open", why: "OAuth discovery (RFC 9728 section 3)" },
  { path: "/.well-known/openid-configuration", exact: true, kind: "open", why: "OpenID Connect Discovery section 4" },
  { path: "/.well-known/user-agent-configuration.json", exact: true, kind: "open", why: "client configuration (PACC)" },
  { path: "/.well-known/mail-v1.xml", exact: true, kind: "open", why: "client configuration" },
  { path: "/.well-known/autoconfig/mail/config-v1.1.xml", exact: true, kind: "open", why: "client configuration" },
  { path: "/mail/config-v1.1.xml", exact: true, kind: "open", why: "client configuration" },
  { path: "/autodiscover", kind: "open", why: "client configuration (Microsoft)" },
  { path: "/Autodiscover", kind: "open", why: "the same; Stalwart knows these three spellings" },
  { path: "/AutoDiscover", kind: "open", why: "the same" },
  { path: "/robots.txt", exact: true, kind: "open", why: "keeps search engines away (RFC 9309)" },
  { path: "/healthz", kind: "open", why: "says whether Stalwart runs" },
  { path: "/calendar/rsvp", exact: true, kind: "open", why: "the page that answers an invitation" },
  { path: "/login", kind: "open", why: "the page on which a person authorises a client (RFC 6749 section 3.1)" },
  { path: "/device", kind: "open", why: "the same for devices (RFC 8628 section 3.3)" },
  { path: "/jmap", kind: "login", why: "JMAP (RFC 8620)" },
  { path: "/dav", kind: "login", why: "CalDAV, CardDAV and WebDAV (RFC 4791, 6352, 4918)" },
  { path: "/auth", kind: "login", why: "OAuth tokens (RFC 6749 section 3.2)" },
  { path: "/api", kind: "login", why: "used by the login page and the web interface" },
  { path: "/admin", kind: "administration", why: "the web interface" },
  { path: "/account", kind: "administration", why: "the same program, which can administer from here too" },
];

/**
 * A browser adds this header to a request that another site's page makes (W3C Fetch Metadata). Without the rule such a page
 * could send a hundred wrong logins from its reader's address, which Stalwart would then ban. Programs do not send the header.
 */
const FROM_ANOTHER_SITE = "Header(`Sec-Fetch-Site`, `cross-site`)";

/** Traefik's rule for everything that an entry point passes on, with or without `administration`. */
export function servedPaths(withAdministration: boolean): string {
  const open = rulesOf("open", ...(withAdministration ? (["administration"] as const) : []));
  return `(${open} || (!${FROM_ANOTHER_SITE} && (${rulesOf("login")})))`;
}

/** Traefik's rule for the web interface alone. */
export function administrationPaths(): string {
  return `(${rulesOf("administration")})`;
}

/** Paths of the web interface; everything below them belongs to it. */
export const ADMINISTRATION_PREFIXES: readonly string[] = SERVED_PATHS.filter(
  ({ kind }) => kind === "administration",
).map(({ path }) => path);

function rulesOf(...kinds: readonly ServedPath["kind"][]): string {
  return SERVED_PATHS.filter(({ kind }) => kinds.includes(kind))
    .flatMap(({ path, exact }) => [`Path(\`${path}\`)`, ...(exact === true ? [] : [`PathPrefix(\`${path}/\`)`])])
    .join(" || ");
}
