import type { Kind } from "../kind";
import { textAt } from "../props";

export const ZONE_DNSSEC = "cloudflare:index/zoneDnssec:ZoneDnssec";

/** cloudflare:index/zoneDnssec:ZoneDnssec: `pending` until the registrar publishes the DS record. */
export const zoneDnssec: Kind = {
  importId: {
    format: "<zone_id>",
    find: ([id], world) => world.find(ZONE_DNSSEC, (props) => props["zoneId"] === id),
  },
  replaceOn: ["zoneId"],
  computed: [
    ...[
      "algorithm",
      "digest",
      "digestAlgorithm",
      "digestType",
      "ds",
      "flags",
      "keyTag",
      "keyType",
      "modifiedOn",
      "publicKey",
    ],
    ...["dnssecMultiSigner", "dnssecPresigned", "dnssecUseNsec3"],
  ],
  filled: ["status"],
  check(inputs) {
    const status = textAt(inputs, "status");
    if (status === undefined || status === "active" || status === "disabled") return undefined;
    return `status value must be one of: ["active" "disabled"], got: "${status}"`;
  },
  create(inputs, world) {
    const zone = world.zoneById(textAt(inputs, "zoneId") ?? "");
    const keyTag = 2371;
    const ds = `${zone.name}. 3600 IN DS ${keyTag} 13 2 ${world.newId()}${world.newId()}`;
    return { id: zone.id, props: { ...inputs, keyTag, algorithm: "13", digestType: "2", ds } };
  },
  update: (remote, inputs) => ({ ...remote.props, ...inputs }),
  delete: () => undefined,
  read(remote, world) {
    const published = world.zoneById(remote.id).dsAtRegistrar === remote.props["ds"];
    return {
      ...remote.props,
      status: remote.props["status"] === "active" && !published ? "pending" : remote.props["status"],
    };
  },
};
