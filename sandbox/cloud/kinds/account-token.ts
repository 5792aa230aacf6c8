import type { Kind } from "../kind";
import { listAt, type Props, textAt } from "../props";
import { Refusal } from "../refusal";
import type { World } from "../world";

export const ACCOUNT_TOKEN = "cloudflare:index/accountToken:AccountToken";

/** Permission groups of a zone, by id (API: GET /accounts/{id}/tokens/permission_groups). */
const ZONE_GROUPS: Readonly<Record<string, string>> = {
  c8fed203ed3043cba015a93ad1616f1f: "Zone Read",
  "4755a26eedb94da69e1066d98aa820be": "DNS Write",
  "82e64a83756745bbbb1c9c2701bf816b": "DNS Read",
};
const ONE_ZONE = /^com\.cloudflare\.api\.account\.zone\.([0-9a-f]{32})$/;

/** cloudflare:index/accountToken:AccountToken: its secret is shown once, at creation, and stays when the token changes. */
export const accountToken: Kind = {
  importId: {
    format: "<account_id>/<token_id>",
    find: ([, id], world) => world.all(ACCOUNT_TOKEN).find((remote) => remote.id === id),
  },
  secret: ["value"],
  replaceOn: ["accountId"],
  computed: ["creatorEmailAtCreation", "issuedOn", "lastUsedOn", "modifiedOn", "value"],
  filled: ["condition", "expiresOn", "notBefore", "status"],
  create(inputs, world) {
    const policies = echoPolicies(inputs, world);
    return { id: world.newId(), props: { ...inputs, policies, status: "active", value: `cfat_${world.newId()}` } };
  },
  update: (remote, inputs, world) => ({ ...remote.props, ...inputs, policies: echoPolicies(inputs, world) }),
  delete: () => undefined,
};

/** The sandbox takes tokens for zones of the account only: a wider one is a mistake of the program. */
function echoPolicies(inputs: Props, world: World): readonly Props[] {
  const bad = (why: string) => new Refusal(400, 1001, `Invalid token policy: ${why}`);
  const policies = listAt(inputs, "policies");
  if (policies.length === 0) throw bad("a token needs a policy");
  return policies.map((policy) => {
    const groups = listAt(policy, "permissionGroups").map((group) => textAt(group, "id") ?? "");
    const unknown = groups.find((id) => ZONE_GROUPS[id] === undefined);
    if (groups.length === 0 || unknown !== undefined) throw bad(`permission group ${unknown ?? "missing"}`);
    const resources = JSON.parse(textAt(policy, "resources") ?? "{}") as Props;
    for (const [resource, right] of Object.entries(resources)) {
      const zone = ONE_ZONE.exec(resource)?.[1];
      if (zone === undefined || right !== "*") throw bad(`the sandbox models tokens for one zone, not ${resource}`);
      world.zoneById(zone);
    }
    if (Object.keys(resources).length === 0) throw bad("no resources");
    // The API knows no spaces in it.
    return { ...policy, resources: JSON.stringify(resources) };
  });
}

/** Whether the token may write this zone's records: what the certificate authority's client at home needs. */
export function mayEditDns(world: World, value: string, zone: string): boolean {
  const token = world.find(ACCOUNT_TOKEN, (props) => props["value"] === value);
  if (!token) return false;
  const { id } = world.zones.find(({ name }) => name === zone) ?? {};
  const policies = listAt(token.props, "policies").filter((policy) =>
    (textAt(policy, "resources") ?? "").includes(`account.zone.${id ?? "?"}`),
  );
  const names = policies.flatMap((policy) =>
    listAt(policy, "permissionGroups").map((group) => ZONE_GROUPS[textAt(group, "id") ?? ""]),
  );
  return names.includes("Zone Read") && names.includes("DNS Write");
}
