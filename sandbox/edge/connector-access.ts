import { isProps, type Props, textAt, textsAt } from "../cloud/props";
import type { World } from "../cloud/world";
import { audiencesOf } from "./access-login";

/** The header in which Access tells the origin who was let in. */
export const ASSERTION = "cf-access-jwt-assertion";

/**
 * Why cloudflared refuses a request under a rule with `originRequest.access` (ingress/middleware/jwtvalidator.go): the token of
 * Access must be there, signed by that team and for one of these applications. Undefined when it does not refuse.
 */
export function refusedByConnector(world: World, rule: Props, shown: string | undefined): string | undefined {
  const access = isProps(rule["originRequest"]) ? rule["originRequest"]["access"] : undefined;
  if (!isProps(access) || access["required"] !== true) return undefined;
  if (shown === undefined) return "no access token in request";
  const isTeam = `${textAt(access, "teamName") ?? ""}.cloudflareaccess.com` === world.authDomain;
  const audiences = isTeam ? audiencesOf(world, shown) : undefined;
  if (audiences === undefined) return "failed to verify the token's signature";
  return textsAt(access, "audTags").some((tag) => audiences.includes(tag)) ? undefined : "Invalid token in jwt";
}
