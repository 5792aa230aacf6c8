import { appleProfile, PROFILE_PATH } from "./apple-profile";
import { autoconfig, CONFIG_PATH, WELL_KNOWN_CONFIG_PATH } from "./autoconfig";
import { autodiscover, autodiscoverJson, isAutodiscoverJsonPath, isAutodiscoverPath } from "./autodiscover";
import { mtaStsPolicy } from "./mta-sts";
import { type Provider, readProvider } from "./provider";
import { isRead, methodNotAllowed, READ, text } from "./public-answer";
import type { PublicEnv } from "./public-env";
import { wellKnown } from "./well-known";

/**
 * Answers what mail clients and sending servers fetch before they know the server, also while home is down: the MTA-STS
 * policy, the configuration of Thunderbird, Outlook and Apple's devices. Holds no secret and knows no account.
 */
export default { fetch: answer } satisfies ExportedHandler<PublicEnv>;

type Answer = Response | undefined | Promise<Response | undefined>;

/** Nothing here is a page: no browser may guess, frame or run it. */
const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "strict-transport-security": "max-age=31536000",
  "x-content-type-options": "nosniff",
};

async function answer(request: Request, env: PublicEnv): Promise<Response> {
  const provider = readProvider(env);
  const found = (await route(request, provider)) ?? text(404, "not found\n");
  const headers = new Headers(found.headers);
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) headers.set(name, value);
  return new Response(request.method === "HEAD" ? null : found.body, { status: found.status, headers });
}

/** Undefined: there is no such thing. */
function route(request: Request, provider: Provider): Answer {
  const url = new URL(request.url);
  const answers = answersOf(url.hostname, provider.domain);
  if (answers === undefined) return undefined;
  if (url.pathname === "/healthz") return healthz(request);
  // RFC 8461 section 3.3 allows senders no redirect, and they never ask without TLS.
  if (url.protocol === "http:" && answers !== policyHost) return secure(url);
  return answers(request, url.pathname, provider);
}

type Host = (request: Request, pathname: string, provider: Provider) => Answer;

/** The domain's own name answers where the operator routes a path of it here; the program does not. */
function answersOf(hostname: string, domain: string): Host | undefined {
  switch (hostname) {
    case `mta-sts.${domain}`:
      return policyHost;
    case `autoconfig.${domain}`:
      return autoconfigHost;
    case `autodiscover.${domain}`:
      return autodiscoverHost;
    case domain:
      return (request, pathname, provider) =>
        pathname === CONFIG_PATH || pathname === PROFILE_PATH
          ? undefined
          : (autoconfigHost(request, pathname, provider) ?? autodiscoverHost(request, pathname, provider));
    default:
      return undefined;
  }
}

const policyHost: Host = (request) => mtaStsPolicy(request);

const autoconfigHost = (request: Request, pathname: string, provider: Provider): Answer => {
  if (pathname === PROFILE_PATH) return appleProfile(request, provider);
  return pathname === CONFIG_PATH || pathname === WELL_KNOWN_CONFIG_PATH
    ? autoconfig(request, provider)
    : wellKnown(request, provider);
};

const autodiscoverHost: Host = (request, pathname, provider) => {
  if (isAutodiscoverPath(pathname)) return autodiscover(request, provider);
  return isAutodiscoverJsonPath(pathname) ? autodiscoverJson(request, provider) : undefined;
};

/** For whoever watches the edge; says nothing of the deployment or of home. */
function healthz(request: Request): Response {
  return isRead(request)
    ? new Response(null, { status: 204, headers: { "cache-control": "no-store" } })
    : methodNotAllowed(READ);
}

/** Both clients try http last; Outlook then follows only a redirect ([MS-OXDISCO] section 3.1.5). */
function secure(url: URL): Response {
  return new Response(null, {
    status: 302,
    headers: { location: `https://${url.hostname}${url.pathname}${url.search}` },
  });
}
