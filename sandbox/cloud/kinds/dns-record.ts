import { isIPv4, isIPv6 } from "node:net";

import { parse } from "tldts";

import type { Kind, Remote } from "../kind";
import { at, isProps, numberAt, type Props, textAt } from "../props";
import { Refusal } from "../refusal";
import type { World } from "../world";
import { isWithin, type Zone, type ZoneRecord } from "../zone";

export const DNS_RECORD = "cloudflare:index/dnsRecord:DnsRecord";

/** Cloudflare's free plan takes comments of at most 100 characters. */
const COMMENT_CHARACTERS = 100;
const ADDRESS_TYPES: readonly string[] = ["A", "AAAA", "CNAME"];

/** cloudflare:index/dnsRecord:DnsRecord, as the API validates, stores and echoes it. */
export const dnsRecord: Kind = {
  importId: {
    format: "<zone_id>/<dns_record_id>",
    find: ([zoneId, id], world) =>
      world.all(DNS_RECORD).find((remote) => remote.id === id && remote.props["zoneId"] === zoneId),
  },
  replaceOn: ["type", "zoneId"],
  computed: [
    "createdOn",
    "modifiedOn",
    "meta",
    "proxiable",
    "commentModifiedOn",
    "tagsModifiedOn",
    "includeShadowMetadata",
  ],
  filled: ["proxied", "tags", "settings", "content", "privateRouting"],
  check(inputs) {
    if (inputs["content"] !== undefined && inputs["data"] !== undefined)
      return 'Invalid Attribute Combination. Attribute "content" cannot be specified when "data" is specified.';
    return undefined;
  },
  create(inputs, world) {
    const id = world.newId();
    const zone = world.zoneById(textAt(inputs, "zoneId") ?? "");
    const record = zoneRecord(id, inputs, zone);
    refuseInZone(zone, record, inputs);
    zone.records.push(record);
    return { id, props: echo(inputs, record) };
  },
  update(remote, inputs, world) {
    const zone = zoneOf(remote, world);
    const record = zoneRecord(remote.id, inputs, zone);
    refuseInZone({ ...zone, records: zone.records.filter((other) => other.id !== remote.id) }, record, inputs);
    zone.records.splice(indexOf(zone, remote.id), 1, record);
    return echo(inputs, record);
  },
  delete(remote, world) {
    const zone = zoneOf(remote, world);
    zone.records.splice(indexOf(zone, remote.id), 1);
  },
  read(remote, world) {
    return zoneOf(remote, world).records.some((record) => record.id === remote.id) ? remote.props : undefined;
  },
};

function refuseInZone(zone: Zone, record: ZoneRecord, inputs: Props): void {
  // Its records come by zone transfer (DNS, Zone setups, secondary DNS). The code is not known.
  if (zone.type === "secondary")
    throw new Refusal(400, undefined, `The records of the secondary zone ${zone.name} cannot be changed here.`);
  if (!isWithin(zone, record.name))
    throw new Refusal(400, 9000, `DNS name is invalid: ${record.name} is not in ${zone.name}`);
  if ((textAt(inputs, "comment") ?? "").length > COMMENT_CHARACTERS)
    throw new Refusal(400, 9208, `Comment exceeds the maximum length of ${COMMENT_CHARACTERS} characters.`);
  if (record.proxied && record.ttl !== 1)
    throw new Refusal(400, undefined, "ttl must be set to 1 when `proxied` is true");
  if (record.proxied && !ADDRESS_TYPES.includes(record.type))
    throw new Refusal(400, 9004, "This record type cannot be proxied.");
  if (record.type === "MX" && zone.emailRouting)
    throw new Refusal(
      400,
      890190,
      "This zone is managed by Email Routing. Disable Email Routing to add/modify MX records.",
    );
  const beside = zone.records.filter((other) => other.name === record.name);
  if (
    beside.some(
      (other) => other.type === record.type && other.content === record.content && other.priority === record.priority,
    )
  )
    throw new Refusal(400, 81058, "An identical record already exists.");
  if (record.type === "CNAME" && beside.some((other) => conflicts(record, other, zone)))
    throw new Refusal(400, 81053, "An A, AAAA, or CNAME record with that host already exists.");
  if (beside.some((other) => other.type === "CNAME" && conflicts(other, record, zone)))
    throw new Refusal(400, 81054, "A CNAME record with that host already exists.");
}

/**
 * No address stands beside a CNAME (Cloudflare, DNS, Records with the same name). Records of other types do where Cloudflare
 * answers with addresses in the CNAME's place: at the zone's apex, and where it is proxied (DNS, CNAME flattening).
 */
function conflicts(cname: ZoneRecord, other: ZoneRecord, zone: Zone): boolean {
  const isFlattened = cname.name === zone.name || cname.proxied;
  return !isFlattened || ADDRESS_TYPES.includes(other.type);
}

function zoneRecord(id: string, inputs: Props, zone: Zone): ZoneRecord {
  const type = textAt(inputs, "type") ?? "";
  const priority = numberAt(inputs, "data.priority") ?? numberAt(inputs, "priority");
  return {
    id,
    name: absolute(textAt(inputs, "name") ?? "", zone),
    type,
    content: content(type, inputs),
    ...(priority === undefined ? {} : { priority }),
    ttl: numberAt(inputs, "ttl") ?? 1,
    proxied: inputs["proxied"] === true,
    locked: false,
  };
}

/** The API takes `@` and names relative to the zone; one below another registered domain is a mistake. */
function absolute(given: string, zone: Zone): string {
  const name = withoutDot(given.toLowerCase());
  if (name === "@") return zone.name;
  return isWithin(zone, name) || parse(name).isIcann === true ? name : `${name}.${zone.name}`;
}

function content(type: string, inputs: Props): string {
  const text = textAt(inputs, "content");
  const data = at(inputs, "data");
  if (type === "TXT" && text !== undefined) return requote(text);
  if (type === "AAAA" && text !== undefined)
    return isIPv6(text) ? new URL(`http://[${text}]`).hostname.slice(1, -1) : refuseContent(type);
  if (type === "SRV" && isProps(data)) {
    const target = withoutDot(textAt(data, "target") ?? "") || ".";
    return `${numberAt(data, "weight") ?? 0} ${numberAt(data, "port") ?? 0} ${target}`;
  }
  if (type === "CAA" && isProps(data))
    return `${numberAt(data, "flags") ?? 0} ${textAt(data, "tag") ?? ""} "${textAt(data, "value") ?? ""}"`;
  if (type === "A" && text !== undefined && isIPv4(text)) return text;
  if ((type === "CNAME" || type === "MX") && text) return withoutDot(text);
  return refuseContent(type);
}

/** The API answers TXT quoted and cut at 255 characters, however it was sent. */
function requote(text: string): string {
  const plain = text.startsWith('"')
    ? [...text.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map((match) => match[1]).join("")
    : text;
  return (plain.match(/(?:\\.|[^\\]){1,255}/g) ?? []).map((part) => `"${part}"`).join(" ");
}

function echo(inputs: Props, record: ZoneRecord): Props {
  const data = at(inputs, "data");
  // The provider forgives a relative name when it reads.
  const given = textAt(inputs, "name") ?? "";
  return {
    ...inputs,
    name: given === "@" || record.name.startsWith(`${given}.`) ? given : record.name,
    ...(isProps(data) ? { data: echoData(data), priority: record.priority } : { content: record.content }),
  };
}

function echoData(data: Props): Props {
  const target = textAt(data, "target");
  return target === undefined || target === "." ? data : { ...data, target: withoutDot(target) };
}

function zoneOf(remote: Remote, world: World): Zone {
  return world.zoneById(textAt(remote.props, "zoneId") ?? "");
}

function indexOf(zone: Zone, id: string): number {
  const index = zone.records.findIndex((record) => record.id === id);
  if (index < 0) throw new Refusal(404, 81044, "Record does not exist.");
  return index;
}

function withoutDot(name: string): string {
  return name.replace(/\.$/, "");
}

function refuseContent(type: string): never {
  throw new Refusal(400, 9005, `Content for ${type} record is invalid.`);
}
