import type { CloudflareApi } from "./cloudflare";
import { AdoptError } from "./fault";
import { isProps, listOf, type Props, textOf, textsOf } from "./props";
import { TYPE } from "./types";
import type { Preview } from "./wanted";

/** A DNS record as the API lists it. */
export interface LiveRecord {
  readonly id: string;
  readonly zoneId: string;
  readonly name: string;
  readonly type: string;
  /** In presentation form; of SRV without the priority. */
  readonly content: string;
  /** The parts of SRV and CAA. */
  readonly data: Props | undefined;
  readonly priority: number | undefined;
  readonly ttl: number;
  readonly proxied: boolean;
  readonly comment: string;
  /** Of a CNAME: Cloudflare answers with the target's addresses, also where it is not proxied (paid plans). */
  readonly flattened?: true;
  /** Written and locked by Email Routing or another of Cloudflare's services. */
  readonly locked: boolean;
}

/** Any other object, in the shape of the resource's inputs. */
export interface LiveObject {
  readonly type: string;
  /** The provider's id once it is adopted. */
  readonly id: string;
  /** What `pulumi import` calls it (facts: documented in the provider). */
  readonly importId: string;
  /** What people know it by. */
  readonly label: string;
  readonly props: Props;
}

/** What the account has. */
export interface Live {
  readonly accountId: string;
  readonly zones: readonly { readonly id: string; readonly name: string; readonly routing: boolean }[];
  readonly records: readonly LiveRecord[];
  readonly objects: readonly LiveObject[];
  /** Email Routing's rules for single addresses; they come before the catch-all. */
  readonly rules: readonly { readonly label: string; readonly enabled: boolean }[];
}

/** Asks for everything that the program declares kinds of. Changes nothing. */
export async function readLive(api: CloudflareApi, { wanted, kept }: Preview): Promise<Live> {
  const declared = [...wanted, ...kept];
  const values = (key: string) => [...new Set(declared.map(({ inputs }) => textOf(inputs[key])))].filter(isId);
  const [accountId] = values("accountId");
  if (accountId === undefined)
    throw new AdoptError(
      "The program declares nothing in a Cloudflare account whose id is known. There is nothing to adopt.",
    );
  const scripts = declared.filter(({ type }) => type === TYPE.script).map(({ inputs }) => textOf(inputs["scriptName"]));
  const ofZones = await Promise.all(values("zoneId").map((zoneId) => ofZone(api, zoneId)));
  const r2 = declared.some(({ type }) => type === TYPE.bucket);
  return {
    accountId,
    zones: ofZones.map(({ zone }) => zone),
    records: ofZones.flatMap(({ records }) => records),
    objects: [...ofZones.flatMap(({ objects }) => objects), ...(await ofAccount(api, accountId, scripts, r2))],
    rules: ofZones.flatMap(({ rules }) => rules),
  };
}

/** Cloudflare's ids; neither a secret's placeholder nor that of a value which is not known yet. */
function isId(text: string): boolean {
  return /^[0-9a-f]{32}$/.test(text);
}

async function ofZone(api: CloudflareApi, zoneId: string) {
  const base = `/zones/${zoneId}`;
  const [zone, records, dnssec, routing, catchAll, rules, routes] = await Promise.all([
    api.get(base),
    api.list(`${base}/dns_records`),
    api.get(`${base}/dnssec`),
    api.get(`${base}/email/routing`),
    api.get(`${base}/email/routing/rules/catch_all`),
    api.list(`${base}/email/routing/rules`),
    api.list(`${base}/workers/routes`),
  ]);
  const name = textOf(zone?.["name"]);
  const isOn = routing?.["enabled"] === true;
  const one = (type: string, props: Props): LiveObject => ({
    ...{ type, id: zoneId, importId: zoneId, label: name },
    props: { zoneId, ...props },
  });
  const isSigned = dnssec?.["status"] === "active" || dnssec?.["status"] === "pending";
  const { enabled, matchers, actions, name: title } = catchAll ?? {};
  return {
    zone: { id: zoneId, name, routing: isOn },
    records: records.map((record) => liveRecord(zoneId, record)),
    objects: [
      // `pending` is what an active zone is until its registrar knows.
      ...(isSigned ? [one(TYPE.dnssec, { status: "active" })] : []),
      ...(isOn ? [one(TYPE.routing, {}), one(TYPE.routingDns, {})] : []),
      ...(isOn && enabled === true ? [one(TYPE.catchAll, { name: title, enabled, matchers, actions })] : []),
      ...routes.map(({ id, pattern, script }) => ({
        ...{ type: TYPE.route, id: textOf(id), importId: `${zoneId}/${textOf(id)}`, label: textOf(pattern) },
        props: { zoneId, pattern, script },
      })),
    ],
    rules: rules
      .filter(({ matchers }) => !listOf(matchers).some(({ type }) => type === "all"))
      .map((rule) => ({ label: ruleLabel(rule), enabled: rule["enabled"] === true })),
  };
}

async function ofAccount(api: CloudflareApi, accountId: string, wantedScripts: readonly string[], r2: boolean) {
  const base = `/accounts/${accountId}`;
  const [tunnels, apps, policies, tokens, accountTokens, alerts, scripts, buckets] = await Promise.all([
    api.list(`${base}/cfd_tunnel?is_deleted=false`),
    api.list(`${base}/access/apps`),
    api.list(`${base}/access/policies`),
    api.list(`${base}/access/service_tokens`),
    api.list(`${base}/tokens`),
    api.list(`${base}/alerting/v3/policies`),
    api.list(`${base}/workers/scripts`),
    r2 ? api.list(`${base}/r2/buckets`, (result) => isProps(result) && result["buckets"]) : [],
  ]);
  const object = (type: string, item: Props, label: unknown, props: Props, prefix = accountId): LiveObject => {
    const id = textOf(item["id"]);
    return { type, id, importId: `${prefix}/${id}`, label: textOf(label), props: { accountId, ...props } };
  };
  const configs = await Promise.all(
    tunnels.map(({ id }) => api.get(`${base}/cfd_tunnel/${textOf(id)}/configurations`)),
  );
  const present = wantedScripts.filter((name) => scripts.some(({ id }) => id === name));
  return [
    ...tunnels.map((item) =>
      object(TYPE.tunnel, item, item["name"], {
        name: item["name"],
        configSrc: item["config_src"] ?? (item["remote_config"] === false ? "local" : "cloudflare"),
      }),
    ),
    ...tunnels.flatMap((item, nth) => {
      const config = configs[nth]?.["config"];
      const ingresses = isProps(config) ? listOf(config["ingress"]).map(ingressRule) : [];
      const props = { tunnelId: item["id"], config: { ingresses } };
      return ingresses.length === 0 ? [] : [object(TYPE.ingress, item, item["name"], props)];
    }),
    ...apps.map((item) =>
      object(TYPE.application, item, item["domain"] ?? item["name"], application(item), `accounts/${accountId}`),
    ),
    ...policies.map((item) => object(TYPE.policy, item, item["name"], policy(item))),
    ...tokens.map((item) =>
      object(TYPE.serviceToken, item, item["name"], { name: item["name"] }, `accounts/${accountId}`),
    ),
    ...accountTokens.map((item) => object(TYPE.accountToken, item, item["name"], { name: item["name"] })),
    ...alerts.map((item) => object(TYPE.notification, item, item["name"], notification(item))),
    ...scripts.map((item) => object(TYPE.script, item, item["id"], { scriptName: item["id"] })),
    ...(await Promise.all(present.map((name) => ofScript(api, base, accountId, name)))).flat(),
    ...buckets.map(({ name }) => ({
      ...{ type: TYPE.bucket, id: textOf(name), importId: `${accountId}/${textOf(name)}/default`, label: textOf(name) },
      props: { accountId, name },
    })),
  ];
}

/** A script has both always; one that says nothing is set anew instead of adopted. */
async function ofScript(
  api: CloudflareApi,
  base: string,
  accountId: string,
  scriptName: string,
): Promise<LiveObject[]> {
  const path = `${base}/workers/scripts/${encodeURIComponent(scriptName)}`;
  const [address, clock] = await Promise.all([api.get(`${path}/subdomain`), api.get(`${path}/schedules`)]);
  const { enabled, previews_enabled: previewsEnabled } = address ?? {};
  const schedules = listOf(clock?.["schedules"]).map(({ cron }) => ({ cron }));
  const object = (type: string, id: string, props: Props) => ({
    ...{ type, id, importId: `${accountId}/${scriptName}`, label: scriptName },
    props: { accountId, scriptName, ...props },
  });
  return [
    ...(enabled === true || previewsEnabled === true
      ? [object(TYPE.subdomain, accountId, { enabled, previewsEnabled })]
      : []),
    ...(schedules.length > 0 ? [object(TYPE.cron, scriptName, { schedules })] : []),
  ];
}

function liveRecord(zoneId: string, record: Props): LiveRecord {
  const { id, name, type, content, data, priority, ttl, proxied, comment, meta, settings } = record;
  const marks = isProps(meta) ? meta : {};
  return {
    ...{ id: textOf(id), zoneId, name: textOf(name).toLowerCase(), type: textOf(type), content: textOf(content) },
    data: isProps(data) && Object.keys(data).length > 0 ? data : undefined,
    priority: typeof priority === "number" ? priority : undefined,
    ttl: Number(ttl ?? 1),
    proxied: proxied === true,
    comment: textOf(comment),
    ...(isProps(settings) && settings["flatten_cname"] === true ? { flattened: true } : {}),
    locked: marks["email_routing"] === true || marks["read_only"] === true,
  };
}

/** `names` is no input: all that the application guards. */
function application(item: Props): Props {
  const { name, domain, type, session_duration: sessionDuration } = item;
  // An application of before reusable policies has its own, without a place among others.
  const policies = listOf(item["policies"]).map(({ id, precedence }, nth) => ({
    id,
    precedence: precedence ?? nth + 1,
  }));
  const destinations = listOf(item["destinations"]).map(({ uri }) => textOf(uri));
  const names = [...new Set([...textsOf(item["self_hosted_domains"]), ...destinations])].filter((each) => each !== "");
  return { name, domain, type, sessionDuration, policies, names };
}

function policy({ name, decision, session_duration: sessionDuration, include }: Props): Props {
  return { name, decision, sessionDuration, includes: listOf(include).map(camel) };
}

function notification({ name, description, enabled, alert_type: alertType, mechanisms }: Props): Props {
  const emails = isProps(mechanisms) ? listOf(mechanisms["email"]).map(({ id }) => ({ id })) : [];
  return { name, description, enabled, alertType, mechanisms: { emails } };
}

function camel(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(camel);
  if (!isProps(value)) return value;
  const renamed = (key: string) => key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [renamed(key), camel(item)]));
}

function ruleLabel({ matchers, actions }: Props): string {
  const to = listOf(matchers).map(({ value }) => textOf(value));
  const [action] = listOf(actions);
  const values = Array.isArray(action?.["values"]) ? action["values"].map(String) : [];
  return `${to.join(" ")} -> ${[textOf(action?.["type"]), ...values].join(" ")}`;
}

/** As the provider has it, whose name for `audTag` has a plural. */
function ingressRule(rule: Props): Props {
  const options = rule["originRequest"];
  if (!isProps(options) || !isProps(options["access"])) return rule;
  const { audTag, ...access } = options["access"];
  return { ...rule, originRequest: { ...options, access: { ...access, audTags: audTag } } };
}
