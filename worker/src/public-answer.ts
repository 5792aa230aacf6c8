/** Small, whole answers of the public Worker. */

/** Texts, mostly reasons, for people. */
export function text(status: number, body: string, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(body, { status, headers: { "content-type": "text/plain; charset=utf-8", ...headers } });
}

export function xml(body: string, cacheControl: string): Response {
  return new Response(`<?xml version="1.0" encoding="UTF-8"?>\n${body}\n`, {
    headers: { "content-type": "application/xml; charset=utf-8", "cache-control": cacheControl },
  });
}

export function json(status: number, value: Readonly<Record<string, string>>): Response {
  return Response.json(value, { status, headers: { "cache-control": "no-store" } });
}

/** RFC 9110 section 15.5.6: the answer names what is allowed. */
export function methodNotAllowed(allow: string): Response {
  return text(405, "method not allowed\n", { allow });
}

/** Reading is all that most addresses are for. */
export const READ = "GET, HEAD";

export function isRead({ method }: Request): boolean {
  return method === "GET" || method === "HEAD";
}

/** Character data and attribute values (XML 1.0 section 2.4). */
export function escapeXml(value: string): string {
  return value.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
