import type { Kind } from "../kind";
import { at, isProps, listAt, type Props, textAt } from "../props";
import { Refusal } from "../refusal";
import type { World } from "../world";
import { isWithin } from "../zone";

export const SERVICE_TOKEN = "cloudflare:index/zeroTrustAccessServiceToken:ZeroTrustAccessServiceToken";
export const POLICY = "cloudflare:index/zeroTrustAccessPolicy:ZeroTrustAccessPolicy";
export const APPLICATION = "cloudflare:index/zeroTrustAccessApplication:ZeroTrustAccessApplication";

/** Every duration that the program asks for is a year. */
const YEAR_MS = 365 * 24 * 3_600_000;
const DECISIONS: readonly string[] = ["allow", "deny", "non_identity", "bypass"];

/** cloudflare:index/zeroTrustAccessServiceToken:ZeroTrustAccessServiceToken: the secret is shown once, at creation. */
export const accessServiceToken: Kind = {
  importId: {
    format: "<{accounts|zones}/{account_id|zone_id}>/<service_token_id>",
    find: ([, , id], world) => world.all(SERVICE_TOKEN).find((remote) => remote.id === id),
  },
  secret: ["clientSecret"],
  replaceOn: ["accountId", "zoneId"],
  computed: ["clientId", "clientSecret", "expiresAt", "createdAt", "updatedAt", "lastSeenAt"],
  filled: ["duration", "clientSecretVersion", "previousClientSecretExpiresAt", "enabled"],
  create(inputs, world) {
    if (inputs["clientSecretVersion"] !== undefined && inputs["previousClientSecretExpiresAt"] === undefined)
      throw new Refusal(
        400,
        undefined,
        'Attribute "previous_client_secret_expires_at" must be specified when "client_secret_version" is specified',
      );
    const expiresAt = new Date(Date.now() + YEAR_MS).toISOString();
    const made = { expiresAt, clientId: `${world.newId()}.access`, clientSecret: `cfast_${world.newId()}` };
    return { id: world.newUuid(), props: { duration: "8760h", ...inputs, ...made } };
  },
  update: (remote, inputs) => ({ ...remote.props, ...inputs }),
  delete: () => undefined,
};

/** cloudflare:index/zeroTrustAccessPolicy:ZeroTrustAccessPolicy, reusable. */
export const accessPolicy: Kind = {
  importId: {
    format: "<account_id>/<policy_id>",
    find: ([, id], world) => world.all(POLICY).find((remote) => remote.id === id),
  },
  replaceOn: ["accountId"],
  computed: ["appCount", "createdAt", "updatedAt", "reusable"],
  filled: ["excludes", "requires"],
  check(inputs) {
    const decision = textAt(inputs, "decision") ?? "";
    return DECISIONS.includes(decision)
      ? undefined
      : `decision value must be one of: ${JSON.stringify(DECISIONS)}, got: "${decision}"`;
  },
  create: (inputs, world) => ({ id: world.newUuid(), props: echoPolicy(inputs, world) }),
  update: (_remote, inputs, world) => echoPolicy(inputs, world),
  delete: () => undefined,
};

function echoPolicy(inputs: Props, world: World): Props {
  const includes = listAt(inputs, "includes");
  if (includes.length === 0)
    throw new Refusal(400, 12130, "access.api.error.invalid_request: a policy needs an include rule");
  for (const rule of includes) {
    const token = at(rule, "serviceToken");
    if (isProps(token) && !world.all(SERVICE_TOKEN).some((remote) => remote.id === token["tokenId"]))
      throw new Refusal(400, 12130, "access.api.error.invalid_request: the service token does not exist");
  }
  // Without a duration the API answers "24h".
  return { ...inputs, sessionDuration: textAt(inputs, "sessionDuration") ?? "24h" };
}

/** cloudflare:index/zeroTrustAccessApplication:ZeroTrustAccessApplication of type self_hosted. */
export const accessApplication: Kind = {
  importId: {
    format: "<{accounts|zones}/{account_id|zone_id}>/<app_id>",
    find: ([, , id], world) => world.all(APPLICATION).find((remote) => remote.id === id),
  },
  replaceOn: ["accountId", "zoneId"],
  computed: ["aud", "createdAt", "updatedAt"],
  filled: [
    ...[
      "appLauncherVisible",
      "autoRedirectToIdentity",
      "destinations",
      "enableBindingCookie",
      "httpOnlyCookieAttribute",
    ],
    ...[
      "optionsPreflightBypass",
      "selfHostedDomains",
      "sessionDuration",
      "skipAppLauncherLoginPage",
      "tags",
      "allowedIdps",
    ],
  ],
  create(inputs, world) {
    refuseApplication(inputs, world, undefined);
    return { id: world.newUuid(), props: { ...inputs, aud: world.newId() } };
  },
  update(remote, inputs, world) {
    refuseApplication(inputs, world, remote.id);
    return { ...remote.props, ...inputs };
  },
  delete: () => undefined,
};

function refuseApplication(inputs: Props, world: World, self: string | undefined): void {
  const domain = textAt(inputs, "domain") ?? "";
  if (textAt(inputs, "type") !== "self_hosted")
    throw new Refusal(400, undefined, 'the sandbox models applications of type "self_hosted" only');
  if (!world.zones.some((zone) => isWithin(zone, domain.split("/")[0] ?? "")))
    throw new Refusal(400, 12130, `access.api.error.invalid_request: domain ${domain} does not belong to zone`);
  if (world.all(APPLICATION).some((other) => other.id !== self && other.props["domain"] === domain))
    throw new Refusal(409, 11010, "access.api.error.application_already_exists");
  for (const policy of listAt(inputs, "policies"))
    if (!world.all(POLICY).some((remote) => remote.id === textAt(policy, "id")))
      throw new Refusal(404, 12130, "access.api.error.invalid_request: policy not found");
}
