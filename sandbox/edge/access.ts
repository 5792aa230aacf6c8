import { APPLICATION, POLICY, SERVICE_TOKEN } from "../cloud/kinds/access";
import { at, listAt, textAt } from "../cloud/props";
import type { World } from "../cloud/world";

export type AccessVerdict =
  | { readonly kind: "open" }
  | { readonly kind: "admitted"; readonly token: string }
  | { readonly kind: "refused"; readonly status: 302 | 403; readonly why: string };

/** Cloudflare Access for one request to `hostname`: names without an application are open. */
export function checkAccess(world: World, hostname: string, headers: Headers): AccessVerdict {
  const application = world.find(APPLICATION, (props) => props["domain"] === hostname);
  if (!application) return { kind: "open" };
  const clientId = headers.get("cf-access-client-id");
  // Without a service token a person is sent to the login page.
  if (clientId === null) return { kind: "refused", status: 302, why: "no service token was shown" };
  const token = world.find(SERVICE_TOKEN, (props) => props["clientId"] === clientId);
  if (!token || token.props["clientSecret"] !== headers.get("cf-access-client-secret"))
    return { kind: "refused", status: 403, why: "the service token is unknown or its secret is wrong" };
  const policies = listAt(application.props, "policies").map((policy) => textAt(policy, "id"));
  const admits = world
    .all(POLICY)
    .filter((policy) => policies.includes(policy.id) && policy.props["decision"] === "non_identity")
    .flatMap((policy) => listAt(policy.props, "includes"))
    .some((rule) => at(rule, "serviceToken.tokenId") === token.id);
  if (admits) return { kind: "admitted", token: textAt(token.props, "name") ?? "" };
  return {
    kind: "refused",
    status: 403,
    why: `no policy of the application admits the token "${textAt(token.props, "name") ?? ""}"`,
  };
}
