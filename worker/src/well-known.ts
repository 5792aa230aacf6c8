import type { Provider } from "./provider";
import { isRead, methodNotAllowed, READ } from "./public-answer";

/** What a client that knows only the domain asks for, and the service that answers it. */
const SERVICE_AT: Readonly<Record<string, string>> = {
  "/.well-known/jmap": "jmap",
  "/.well-known/caldav": "caldavs",
  "/.well-known/carddav": "carddavs",
};

/**
 * Sends clients to the server's own discovery documents: JMAP (RFC 8620 section 2.2), CalDAV and CardDAV (RFC 6764
 * section 5). They need the server anyway, and 307 keeps method and body.
 *
 * @returns undefined for other paths and services that are not offered
 */
export function wellKnown(request: Request, { server, services }: Provider): Response | undefined {
  const { pathname } = new URL(request.url);
  const service = SERVICE_AT[pathname];
  if (service === undefined || !services.has(service)) return undefined;
  // CalDAV clients begin with PROPFIND (RFC 6764 section 6).
  if (!isRead(request) && request.method !== "PROPFIND") return methodNotAllowed(`${READ}, PROPFIND`);
  return new Response(null, { status: 307, headers: { location: `https://${server}${pathname}` } });
}
