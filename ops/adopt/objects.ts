import type { Adopted, Created, InTheWay, Left } from "./findings";
import type { Live, LiveObject } from "./live";
import { isProps, listOf, textOf, textsOf } from "./props";
import { differences, type Ids, resolved } from "./resolve";
import { TYPE } from "./types";
import type { Wanted } from "./wanted";

/** By which property an object is known again, for types of which a zone or an account can have several. */
const KEYS: Readonly<Record<string, string>> = {
  [TYPE.dnssec]: "zoneId",
  [TYPE.routing]: "zoneId",
  [TYPE.routingDns]: "zoneId",
  [TYPE.catchAll]: "zoneId",
  [TYPE.route]: "pattern",
  [TYPE.tunnel]: "name",
  [TYPE.ingress]: "tunnelId",
  [TYPE.policy]: "name",
  [TYPE.application]: "domain",
  [TYPE.notification]: "name",
  [TYPE.script]: "scriptName",
  [TYPE.subdomain]: "scriptName",
  [TYPE.cron]: "scriptName",
  [TYPE.bucket]: "name",
};

/** Those that others are made from come first. */
const ORDER = Object.keys(KEYS);

/** What can be had once only, at its creation. */
const SECRETS: Readonly<Record<string, string>> = {
  [TYPE.serviceToken]:
    "its secret cannot be read back: a new token; the old one goes on working until somebody deletes it",
  [TYPE.accountToken]:
    "its value cannot be read back: a new token; the old one goes on working until somebody deletes it",
  "tailscale:index/tailnetKey:TailnetKey": "a key's secret is shown once: a new key; the machine that joined stays",
  [TYPE.lifecycle]: "the provider cannot import it: the bucket's rules are overwritten",
  "command:remote:Command": "it runs on the host, which keeps what is there (docs/host.md)",
};

/** Secrets that nobody can read of a script, so that it is uploaded again. */
export const UPLOADED_AGAIN = { property: "code and bindings", current: "(not compared)", wanted: "(uploaded again)" };

export interface MatchedObjects {
  readonly adopted: readonly Adopted[];
  readonly created: readonly Created[];
  readonly inTheWay: readonly InTheWay[];
  /** The ids that were given, and those of the adopted, by URN. */
  readonly ids: Ids;
}

/** Which object becomes which resource, by the name under which people know it. Records are matched elsewhere. */
export function matchObjects(wanted: readonly Wanted[], live: Live, known: Ids): MatchedObjects {
  const ids = new Map(known);
  const adopted: Adopted[] = [];
  const created: Created[] = [];
  const inTheWay: InTheWay[] = [];
  const taken = new Set([...known.values()].map(({ type, id }) => `${type} ${id}`));
  const inOrder = [...wanted].sort((a, b) => ORDER.indexOf(a.type) - ORDER.indexOf(b.type));
  for (const each of inOrder) {
    const inputs = resolved(each, ids);
    const key = KEYS[each.type];
    const candidates = live.objects.filter(
      (object) => object.type === each.type && key !== undefined && object.props[key] === inputs[key],
    );
    const serving = each.type === TYPE.tunnel && candidates.length === 0 ? tunnelsOfOurs(live, wanted) : [];
    const found = [...candidates, ...serving].find(({ type, id }) => isShared(type) || !taken.has(`${type} ${id}`));
    const obstacle = found && obstacleTo(each, found, live, wanted);
    if (obstacle !== undefined) inTheWay.push(obstacle);
    const shared = found && usedElsewhere(found, live, wanted);
    if (!found || obstacle !== undefined || shared !== undefined) {
      const why = obstacle ? "what exists cannot be adopted" : (shared ?? whyCreated(each, live));
      created.push({ wanted: each, ...(why === undefined ? {} : { why }) });
      continue;
    }
    taken.add(`${found.type} ${found.id}`);
    ids.set(each.urn, { type: each.type, id: found.id });
    const { id, importId, label } = found;
    adopted.push({ wanted: each, id, importId, label, differences: differencesOf(each, inputs, found) });
  }
  return { adopted, created, inTheWay, ids };
}

/** Their provider's id is the zone's or the account's. */
function isShared(type: string): boolean {
  return KEYS[type] === "zoneId" || type === TYPE.subdomain;
}

function differencesOf(
  { type }: Wanted,
  inputs: ReturnType<typeof resolved>,
  found: LiveObject,
): Adopted["differences"] {
  if (type === TYPE.script) return [UPLOADED_AGAIN];
  // Only once, at creation; where a bucket is cannot be seen in the list.
  if (type === TYPE.bucket || type === TYPE.routing || type === TYPE.routingDns) return [];
  return differences(inputs, found.props);
}

function whyCreated({ type, inputs }: Wanted, live: Live): string | undefined {
  const reason = SECRETS[type];
  if (reason === undefined) return KEYS[type] === undefined ? "this command does not look for it" : undefined;
  const isThere = live.objects.some((object) => object.type === type && object.props["name"] === inputs["name"]);
  const asks = type === TYPE.serviceToken || type === TYPE.accountToken;
  return asks && !isThere ? undefined : reason;
}

/** What keeps an object of the right name from being adopted. */
function obstacleTo(wanted: Wanted, found: LiveObject, live: Live, all: readonly Wanted[]): InTheWay | undefined {
  const label = `${kindOf(found.type)} ${found.label}`;
  if (found.type === TYPE.application && found.props["type"] !== "self_hosted")
    return {
      label,
      why: `it is of the type ${textOf(found.props["type"])}, and a name has one application only`,
      mend: "Delete it in the Zero Trust dashboard",
    };
  const further = textsOf(found.props["names"]).filter((name) => name !== found.props["domain"]);
  if (found.type === TYPE.application && further.length > 0)
    return {
      label,
      why: `it guards ${further.join(", ")} too, which the program would leave open`,
      mend: "Give those names an application of their own in the Zero Trust dashboard",
    };
  if (found.type !== TYPE.tunnel) return undefined;
  const others = namesBehind(found.id, live).filter((name) => !ourNames(all).has(name));
  const rename = "Rename it in the Zero Trust dashboard; the program makes its own";
  if (found.props["configSrc"] !== wanted.inputs["configSrc"])
    return { label, why: "its rules are in a file on its machine, and that cannot be changed", mend: rename };
  if (others.length > 0)
    return { label, why: `it serves ${others.join(", ")} too, which the program would cut off`, mend: rename };
  return undefined;
}

/** A policy that somebody else's application uses stays theirs: ours gets one of the same name. */
function usedElsewhere(found: LiveObject, live: Live, all: readonly Wanted[]): string | undefined {
  if (found.type !== TYPE.policy) return undefined;
  const ours = new Set(all.map(({ type, inputs }) => (type === TYPE.application ? inputs["domain"] : undefined)));
  const user = live.objects.find(
    ({ type, props }) =>
      type === TYPE.application &&
      !ours.has(props["domain"]) &&
      listOf(props["policies"]).some(({ id }) => id === found.id),
  );
  return user && `the one of this name guards ${user.label} too and is left alone`;
}

/** Tunnels of another name that forward names of the program and nothing else. */
function tunnelsOfOurs(live: Live, all: readonly Wanted[]): readonly LiveObject[] {
  const ours = ourNames(all);
  return live.objects.filter(({ type, id, props }) => {
    const names = type === TYPE.tunnel && props["configSrc"] === "cloudflare" ? namesBehind(id, live) : [];
    return names.length > 0 && names.every((name) => ours.has(name));
  });
}

function ourNames(all: readonly Wanted[]): ReadonlySet<string> {
  return new Set(all.flatMap(({ type, inputs }) => (type === TYPE.ingress ? hostnames(inputs["config"]) : [])));
}

function namesBehind(tunnelId: string, live: Live): readonly string[] {
  return hostnames(live.objects.find(({ type, id }) => type === TYPE.ingress && id === tunnelId)?.props["config"]);
}

function hostnames(config: unknown): readonly string[] {
  const rules = listOf(isProps(config) ? config["ingresses"] : []);
  return rules.map(({ hostname }) => textOf(hostname)).filter((name) => name !== "");
}

/** What is left of an account: by name where it concerns the zones, counted where it does not. */
export function leftObjects(live: Live, ids: Ids): Left[] {
  const taken = new Set([...ids.values()].map(({ type, id }) => `${type} ${id}`));
  const rest = live.objects.filter(({ type, id }) => !taken.has(`${type} ${id}`) && !ATTACHED.includes(type));
  const names = live.zones.map(({ name }) => name);
  const concerns = ({ label }: LiveObject) => names.some((name) => label.includes(name));
  const named = rest.filter(concerns).map(({ type, label, id }) => ({
    ...{ label: `${kindOf(type)} ${label}`, id },
    ...(SECRETS[type] === undefined ? {} : { why: SECRETS[type] }),
  }));
  const counts = new Map<string, LiveObject[]>();
  for (const object of rest.filter((each) => !concerns(each)))
    counts.set(object.type, [...(counts.get(object.type) ?? []), object]);
  const counted = [...counts].map(([type, objects]) => ({
    ...{ label: `${objects.length} further: ${kindOf(type)}`, id: "" },
    why: "nothing in them names these zones",
  }));
  const rules = live.rules.map(({ label, enabled }) => ({
    ...{ label: `Email Routing rule ${label}`, id: "" },
    why: enabled ? "it comes before the catch-all: this mail does not reach the Worker" : "it is switched off",
  }));
  return [...rules, ...named, ...counted];
}

/** They are told with what they belong to. */
const ATTACHED: readonly string[] = [
  TYPE.ingress,
  TYPE.subdomain,
  TYPE.cron,
  TYPE.routing,
  TYPE.routingDns,
  TYPE.dnssec,
];

/** The type as a person says it: `DnsRecord`, without what all of Cloudflare's share. */
export function kindOf(type: string): string {
  return type.slice(type.lastIndexOf(":") + 1).replace(/^ZeroTrust/, "");
}
