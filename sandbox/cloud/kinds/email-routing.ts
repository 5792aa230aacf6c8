import type { Kind } from "../kind";
import { listAt, type Props, textAt, textsAt } from "../props";
import { Refusal } from "../refusal";
import type { Zone, ZoneRecord } from "../zone";

export const CATCH_ALL = "cloudflare:index/emailRoutingCatchAll:EmailRoutingCatchAll";

export const ROUTING = "cloudflare:index/emailRoutingSettings:EmailRoutingSettings";
export const ROUTING_DNS = "cloudflare:index/emailRoutingDns:EmailRoutingDns";

const STATUS = ["enabled", "status", "created", "modified", "tag", "name", "skipWizard", "supportSubaddress"];

/** cloudflare:index/emailRoutingSettings:EmailRoutingSettings: switches Email Routing on for the zone. */
export const emailRoutingSettings: Kind = {
  importId: {
    format: "<zone_id>",
    find: ([id], world) => world.find(ROUTING, (props) => props["zoneId"] === id),
  },
  replaceOn: ["zoneId"],
  computed: STATUS,
  create(inputs, world) {
    const zone = world.zoneById(textAt(inputs, "zoneId") ?? "");
    refuseElsewhere(zone);
    zone.emailRouting = true;
    return { id: zone.id, props: { ...inputs, enabled: true, status: "ready", name: zone.name } };
  },
  update: (remote) => remote.props,
  delete(remote, world) {
    world.zoneById(remote.id).emailRouting = false;
  },
};

/** cloudflare:index/emailRoutingDns:EmailRoutingDns: adds and locks the MX, SPF and DKIM of Email Routing. */
export const emailRoutingDns: Kind = {
  importId: {
    format: "<zone_id>",
    find: ([id], world) => world.find(ROUTING_DNS, (props) => props["zoneId"] === id),
  },
  replaceOn: ["zoneId"],
  computed: STATUS.filter((key) => key !== "name"),
  filled: ["name", "subdomain"],
  create(inputs, world) {
    const zone = world.zoneById(textAt(inputs, "zoneId") ?? "");
    refuseElsewhere(zone);
    if (textAt(inputs, "name") === zone.name)
      throw new Refusal(422, 2007, `Invalid Input: must be a subdomains of ${zone.name}`);
    if (zone.records.some((record) => record.type === "MX" && record.name === zone.name && !record.locked))
      throw new Refusal(
        409,
        undefined,
        `${zone.name} has MX records of another mail service. Remove them to enable Email Routing.`,
      );
    const apexSpf = (record: ZoneRecord) =>
      record.name === zone.name && record.type === "TXT" && record.content.startsWith('"v=spf1');
    keepOnly(zone, (record) => !apexSpf(record));
    zone.emailRouting = true;
    zone.records.push(...lockedRecords(zone));
    return { id: zone.id, props: { ...inputs, enabled: true, status: "ready" } };
  },
  update(remote, _inputs, world) {
    // The provider's update is a PATCH, and a PATCH here unlocks the records.
    const zone = world.zoneById(remote.id);
    zone.records.splice(0, zone.records.length, ...zone.records.map((record) => ({ ...record, locked: false })));
    return remote.props;
  },
  delete(remote, world) {
    const zone = world.zoneById(remote.id);
    keepOnly(zone, (record) => !record.locked);
    zone.emailRouting = false;
  },
};

/** cloudflare:index/emailRoutingCatchAll:EmailRoutingCatchAll: one PUT-only rule a zone. */
export const emailRoutingCatchAll: Kind = {
  importId: {
    format: "<zone_id>",
    find: ([id], world) => world.find(CATCH_ALL, (props) => props["zoneId"] === id),
  },
  replaceOn: ["zoneId"],
  computed: ["tag", "source", "ownerWorkerTag"],
  create(inputs, world) {
    const zone = world.zoneById(textAt(inputs, "zoneId") ?? "");
    const [matcher, ...more] = listAt(inputs, "matchers");
    if (!matcher || more.length > 0 || textAt(matcher, "type") !== "all")
      throw new Refusal(400, 2016, "Invalid catch-all matcher: exactly one matcher of type all.");
    const [action] = listAt(inputs, "actions");
    const type = action ? textAt(action, "type") : undefined;
    if (type !== "worker" && type !== "drop" && type !== "forward")
      throw new Refusal(400, 2015, "Invalid rule action.");
    const [script] = action ? textsAt(action, "values") : [];
    if (
      type === "worker" &&
      !world.find("cloudflare:index/workersScript:WorkersScript", (props) => props["scriptName"] === script)
    )
      throw new Refusal(400, 2019, `Invalid rule action: Worker ${script ?? "(none)"} does not exist.`);
    // An absent name comes back as "".
    return {
      id: zone.id,
      props: { ...inputs, name: textAt(inputs, "name") ?? "", enabled: inputs["enabled"] ?? true },
    };
  },
  update(_remote, inputs, world) {
    return emailRoutingCatchAll.create(inputs, world).props;
  },
  stays: true,
  delete: () => undefined,
};

/** The rule of a zone in which nobody has written one. */
export function untouchedCatchAll(zone: Zone): Props {
  return { zoneId: zone.id, name: "", enabled: false, matchers: [{ type: "all" }], actions: [{ type: "drop" }] };
}

/** "Available to customers using Cloudflare as an authoritative nameserver" (Email Routing, overview). The code is not known. */
function refuseElsewhere({ name, type = "full", status }: Zone): void {
  if (type !== "full" || status !== undefined)
    throw new Refusal(400, undefined, `Email Routing cannot be enabled: Cloudflare is not authoritative for ${name}.`);
}

function lockedRecords(zone: Zone): ZoneRecord[] {
  const locked = { ttl: 300, proxied: false, locked: true };
  return [
    ...[50, 64, 82].map((priority, index) => ({
      id: `mx${index + 1}-${zone.id}`,
      name: zone.name,
      type: "MX",
      content: `route${index + 1}.mx.cloudflare.net`,
      priority,
      ...locked,
    })),
    {
      id: `spf-${zone.id}`,
      name: zone.name,
      type: "TXT",
      content: '"v=spf1 include:_spf.mx.cloudflare.net ~all"',
      ...locked,
    },
    {
      id: `dkim-${zone.id}`,
      name: `cf2024-1._domainkey.${zone.name}`,
      type: "TXT",
      content: '"v=DKIM1; h=sha256; k=rsa; p=MIIBIjANBgkq"',
      ...locked,
    },
  ];
}

function keepOnly(zone: Zone, keep: (record: ZoneRecord) => boolean): void {
  zone.records.splice(0, zone.records.length, ...zone.records.filter(keep));
}
