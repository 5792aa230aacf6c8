import { isIP } from "node:net";

import type { Kind } from "../kind";
import { textAt, textsAt } from "../props";
import { Refusal } from "../refusal";

export const TAILNET_KEY = "tailscale:index/tailnetKey:TailnetKey";
export const ACL = "tailscale:index/acl:Acl";
export const DNS_SPLIT = "tailscale:index/dnsSplitNameservers:DnsSplitNameservers";

const LONGEST_DESCRIPTION = 50;

/** tailscale:index/tailnetKey:TailnetKey: every input replaces; a tagged key needs its tag in the policy's tagOwners. */
export const tailnetKey: Kind = {
  secret: ["key"],
  replaceOn: ["description", "ephemeral", "expiry", "preauthorized", "reusable", "tags"],
  computed: ["key", "createdAt", "expiresAt", "invalid", "userId"],
  filled: ["expiry", "ephemeral", "preauthorized", "reusable", "recreateIfInvalid"],
  create(inputs, world) {
    const description = textAt(inputs, "description") ?? "";
    // Tailscale's API: letters, digits, hyphens and spaces.
    if (description.length > LONGEST_DESCRIPTION || !/^[A-Za-z0-9 -]*$/.test(description))
      throw new Refusal(
        400,
        undefined,
        "description is longer than 50 characters or has others than letters and digits",
      );
    const tags = textsAt(inputs, "tags");
    world.tailnet.refuseTags(tags);
    const key = `tskey-auth-${world.newId()}`;
    world.tailnet.keys.set(key, { tags, isReusable: inputs["reusable"] === true, used: false, expired: false });
    return { id: world.newId(), props: { ...inputs, key } };
  },
  // The API has no update of a key; only recreateIfInvalid, which is the provider's own, changes in place.
  update: (remote, inputs) => ({ ...remote.props, ...inputs }),
  delete: ({ props }, world) => void world.tailnet.keys.delete(textAt(props, "key") ?? ""),
};

/** tailscale:index/dnsSplitNameservers:DnsSplitNameservers: a PATCH of this domain, and nobody else's (provider v0.29). */
export const dnsSplitNameservers: Kind = {
  replaceOn: ["domain"],
  computed: [],
  create(inputs, world) {
    const domain = textAt(inputs, "domain") ?? "";
    const nameservers = textsAt(inputs, "nameservers");
    const bad = nameservers.find((address) => isIP(address) === 0);
    if (nameservers.length === 0 || bad !== undefined)
      throw new Refusal(400, undefined, `invalid nameserver ${bad ?? "list"}`);
    world.tailnet.splitDns.set(domain, nameservers);
    return { id: domain, props: { ...inputs, domain, nameservers } };
  },
  update: (_remote, inputs, world) => dnsSplitNameservers.create(inputs, world).props,
  delete: ({ id }, world) => void world.tailnet.splitDns.delete(id),
  read: ({ id, props }, world) => {
    const nameservers = world.tailnet.splitDns.get(id);
    return nameservers === undefined ? undefined : { ...props, nameservers };
  },
};

/** tailscale:index/acl:Acl: the tailnet's one policy file. A file that somebody wrote is not overwritten by a create. */
export const acl: Kind = {
  replaceOn: [],
  computed: [],
  filled: ["overwriteExistingContent", "resetAclOnDestroy"],
  create(inputs, world) {
    const { json } = world.tailnet.policy;
    if (inputs["overwriteExistingContent"] !== true && json !== "{}")
      throw new Refusal(
        412,
        undefined,
        "Failed to set ACL: ! You seem to be trying to overwrite a non-default ACL with a tailscale_acl resource.\n" +
          "Before doing this, please import your existing ACL into Terraform state using:\n" +
          " terraform import $(this_resource) acl",
      );
    world.tailnet.setPolicy(textAt(inputs, "acl") ?? "");
    return { id: "acl", props: { ...inputs } };
  },
  update(remote, inputs, world) {
    world.tailnet.setPolicy(textAt(inputs, "acl") ?? "");
    return { ...remote.props, ...inputs };
  },
  stays: true,
  delete: () => undefined,
  // Of every id: there is one file.
  importId: { format: "<any>", find: ([id = "acl"]) => ({ id, props: {} }) },
  found: (id, world) => ({ id, props: { acl: world.tailnet.policy.hujson } }),
  read: ({ props }, world) => ({ ...props, acl: world.tailnet.policy.hujson }),
};
