import { createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from "node:crypto";

import type { Remote } from "../cloud/kind";
import { APPLICATION, POLICY } from "../cloud/kinds/access";
import { listAt, textAt } from "../cloud/props";
import type { World } from "../cloud/world";

/** The Zero Trust organisation's own name, as every new world has it. */
export const AUTH_DOMAIN = "sandbox.cloudflareaccess.com";
const KEY_ID = "sandbox";
const SESSION_SECONDS = 3600;

/** A key for each account, as Access has one. */
const keys = new WeakMap<World, KeyObject>();

/** Nobody is logged in: no policy of the application admits this address. */
export class LoginRefused extends Error {
  override readonly name = "LoginRefused";
}

/**
 * A person logs in at a name with that address, as the browser does that `cloudflared access login` opens.
 *
 * @param hostname may have a path: `stalwart.example.org/admin`
 * @returns the application's token, which cloudflared keeps in a file
 * @throws LoginRefused
 */
export function login(world: World, hostname: string, email: string): string {
  const application = applicationFor(world, hostname);
  if (!application) throw new LoginRefused(`There is no Access application for ${hostname}.`);
  const policies = listAt(application.props, "policies").map((policy) => textAt(policy, "id"));
  const admits = world
    .all(POLICY)
    .filter((policy) => policies.includes(policy.id) && policy.props["decision"] === "allow")
    .flatMap((policy) => listAt(policy.props, "includes"))
    .some((rule) => textAt(rule, "email.email") === email);
  if (!admits) throw new LoginRefused(`No policy of the application for ${hostname} admits ${email}.`);
  return token(world, { type: "app", aud: [textAt(application.props, "aud")], email, ...session() });
}

/** Whose token it is; undefined when Access did not sign it for this application, or it has run out. */
export function personOf(world: World, jwt: string, aud: string): string | undefined {
  const claims = claimsOf(world, jwt);
  return claims?.aud?.includes(aud) === true ? claims.email : undefined;
}

/** The audiences of a token; undefined when Access did not sign it, or it has run out. */
export function audiencesOf(world: World, jwt: string): readonly string[] | undefined {
  return claimsOf(world, jwt)?.aud;
}

/** What Access tells the origin of a request that it let through (header `cf-access-jwt-assertion`). */
export function assertion(world: World, aud: string, who: { readonly email?: string; readonly common_name?: string }) {
  return token(world, { type: "app", aud: [aud], ...who, ...session() });
}

function claimsOf(world: World, jwt: string): Partial<Claims> | undefined {
  const [head, body, signature] = jwt.split(".");
  if (head === undefined || body === undefined || signature === undefined) return undefined;
  const key = createPublicKey(keyOf(world));
  if (!verify("sha256", Buffer.from(`${head}.${body}`), key, Buffer.from(signature, "base64url"))) return undefined;
  const claims = JSON.parse(Buffer.from(body, "base64url").toString()) as Partial<Claims>;
  return (claims.exp ?? 0) > Date.now() / 1000 ? claims : undefined;
}

/** What Access tells cloudflared of the application in front of a name (header `cf-access-metadata`). */
export function metadata(world: World, hostname: string): string | undefined {
  const application = applicationFor(world, hostname);
  if (!application) return undefined;
  const about = { type: "match", hostname, app_hostname: hostname, auth_domain: AUTH_DOMAIN };
  return token(world, { ...about, aud: textAt(application.props, "aud"), ...session() });
}

/** The page that a person without a token is sent to. */
export function loginUrl(world: World, { hostname, pathname }: URL): string {
  const query = new URLSearchParams({
    kid: textAt(applicationFor(world, `${hostname}${pathname}`)?.props ?? {}, "aud") ?? "",
    redirect_url: pathname,
  });
  return `https://${AUTH_DOMAIN}/cdn-cgi/access/login/${hostname}?${query.toString()}`;
}

/** The public keys, at `https://AUTH_DOMAIN/cdn-cgi/access/certs`. */
export function certs(world: World): string {
  const jwk = createPublicKey(keyOf(world)).export({ format: "jwk" });
  return JSON.stringify({ keys: [{ ...jwk, kid: KEY_ID, alg: "RS256", use: "sig" }] });
}

interface Claims {
  readonly aud: readonly string[];
  readonly email: string;
  readonly exp: number;
}

/**
 * The application that guards a name and path: the most specific one (Cloudflare, Access, application paths). One for
 * `a.example/admin` guards what is below that path too, and nothing else.
 */
export function applicationFor(world: World, address: string): Remote | undefined {
  const guards = world.all(APPLICATION).filter(({ props }) => {
    const domain = textAt(props, "domain") ?? "";
    return address === domain || address.startsWith(`${domain}/`);
  });
  return guards.sort((a, b) => lengthOf(b) - lengthOf(a))[0];
}

function lengthOf({ props }: Remote): number {
  return (textAt(props, "domain") ?? "").length;
}

function session() {
  const now = Math.floor(Date.now() / 1000);
  return { iss: `https://${AUTH_DOMAIN}`, iat: now, nbf: now, exp: now + SESSION_SECONDS };
}

/** In this order, as Access's own: cloudflared writes the header anew, sorted, and the signature must still fit. */
function token(world: World, claims: object): string {
  const encoded = [{ alg: "RS256", kid: KEY_ID, typ: "JWT" }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  return `${encoded}.${sign("sha256", Buffer.from(encoded), keyOf(world)).toString("base64url")}`;
}

function keyOf(world: World): KeyObject {
  const key = keys.get(world) ?? generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  keys.set(world, key);
  return key;
}
