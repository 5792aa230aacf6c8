import { POLICY, SERVICE_TOKEN } from "../cloud/kinds/access";
import { at, listAt, textAt } from "../cloud/props";
import type { Remote } from "../cloud/kind";
import type { World } from "../cloud/world";
import { applicationFor, assertion, personOf } from "./access-login";

export type AccessVerdict =
  | { readonly kind: "open" }
  /** By a service token. `assertion`: what the origin is told, signed. */
  | { readonly kind: "admitted"; readonly token: string; readonly assertion: string }
  /** By a token of their own, after they logged in. */
  | { readonly kind: "person"; readonly email: string; readonly assertion: string }
  | { readonly kind: "refused"; readonly status: 302 | 403; readonly why: string };

/** Cloudflare Access for one request: names and paths without an application are open. */
export function checkAccess(world: World, { hostname, pathname }: URL, headers: Headers): AccessVerdict {
  const application = applicationFor(world, `${hostname}${pathname}`);
  if (!application) return { kind: "open" };
  const clientId = headers.get("cf-access-client-id");
  return clientId === null
    ? checkPerson(world, application, headers)
    : checkServiceToken(world, application, clientId, headers.get("cf-access-client-secret"));
}

/** cloudflared shows the token in a header, a browser in a cookie. A person without one is sent to the login page. */
function checkPerson(world: World, application: Remote, headers: Headers): AccessVerdict {
  const shown =
    headers.get("cf-access-token") ?? /(?:^|;\s*)CF_Authorization=([^;]+)/.exec(headers.get("cookie") ?? "")?.[1];
  if (shown === undefined) return { kind: "refused", status: 302, why: "no token was shown" };
  const aud = textAt(application.props, "aud") ?? "";
  const email = personOf(world, shown, aud);
  if (email !== undefined) return { kind: "person", email, assertion: assertion(world, aud, { email }) };
  return { kind: "refused", status: 302, why: "the token is not for this application, or it has run out" };
}

function checkServiceToken(
  world: World,
  application: Remote,
  clientId: string,
  clientSecret: string | null,
): AccessVerdict {
  const token = world.find(SERVICE_TOKEN, (props) => props["clientId"] === clientId);
  if (!token || token.props["clientSecret"] !== clientSecret)
    return { kind: "refused", status: 403, why: "the service token is unknown or its secret is wrong" };
  const policies = listAt(application.props, "policies").map((policy) => textAt(policy, "id"));
  const admits = world
    .all(POLICY)
    .filter((policy) => policies.includes(policy.id) && policy.props["decision"] === "non_identity")
    .flatMap((policy) => listAt(policy.props, "includes"))
    .some((rule) => at(rule, "serviceToken.tokenId") === token.id);
  if (admits)
    return {
      kind: "admitted",
      token: textAt(token.props, "name") ?? "",
      assertion: assertion(world, textAt(application.props, "aud") ?? "", { common_name: clientId }),
    };
  return {
    kind: "refused",
    status: 403,
    why: `no policy of the application admits the token "${textAt(token.props, "name") ?? ""}"`,
  };
}
