import type { Remote } from "./kind";
import { at, isProps, listAt, type Props, textAt, textsAt } from "./props";
import { APPLICATION, POLICY, SERVICE_TOKEN } from "./kinds/access";
import { ACCOUNT_TOKEN } from "./kinds/account-token";
import { DNS_RECORD } from "./kinds/dns-record";
import { CATCH_ALL, untouchedCatchAll } from "./kinds/email-routing";
import { NOTIFICATION } from "./kinds/notification-policy";
import { TUNNEL, TUNNEL_CONFIG } from "./kinds/tunnel";
import { R2_LIFECYCLE } from "./kinds/r2";
import { RULESET } from "./kinds/ruleset";
import { CRON, ROUTE, SCRIPT, SUBDOMAIN } from "./kinds/workers";
import { ZONE_DNSSEC } from "./kinds/zone-dnssec";
import type { World } from "./world";
import { wireZone, type Zone, type ZoneRecord } from "./zone";

/** What an endpoint answers: one object as it is, or a list that goes out in pages where the API has pages. */
export type Listing = { readonly one: unknown } | { readonly all: readonly unknown[]; readonly perPage?: number };

/** Items of a page when nobody says how many (npm `cloudflare` 7.3.0, V4PagePaginationArray; records: API reference). */
const PER_PAGE = 20;
const RECORDS_PER_PAGE = 100;

/**
 * The reading half of Cloudflare's HTTP API for what the program declares: paths and field names as in npm `cloudflare`
 * 7.3.0. Secrets are in no answer, as there.
 *
 * @param path what follows `/client/v4`
 * @returns undefined when there is no such endpoint
 */
export function answerList(world: World, path: string): Listing | undefined {
  const [, scope = "", id = "", ...rest] = path.split("/");
  if (scope === "zones") {
    const zone = world.zones.find((candidate) => candidate.id === id);
    return zone && ofZone(world, zone, rest.join("/"));
  }
  return scope === "accounts" && id === world.accountId ? ofAccount(world, rest) : undefined;
}

function ofZone(world: World, zone: Zone, path: string): Listing | undefined {
  const here = (type: string) => world.all(type).filter(({ props }) => props["zoneId"] === zone.id);
  switch (path) {
    case "":
      return { one: wireZone(zone, world.accountId) };
    case "dns_records":
      return { all: zone.records.map((record) => wireRecord(world, record)), perPage: RECORDS_PER_PAGE };
    case "dnssec":
      return { one: { status: "disabled", ...wireDnssec(here(ZONE_DNSSEC)[0]?.props) } };
    case "workers/routes":
      return { all: here(ROUTE).map(({ id, props }) => ({ id, pattern: props["pattern"], script: props["script"] })) };
    case "rulesets/phases/http_ratelimit/entrypoint":
      return wireRuleset(here(RULESET)[0]);
    case "email/routing":
      return {
        one: { id: zone.id, tag: zone.id, name: zone.name, enabled: zone.emailRouting, status: statusOf(zone) },
      };
    case "email/routing/rules/catch_all":
      return { one: wireRule(here(CATCH_ALL)[0]?.props ?? untouchedCatchAll(zone)) };
    case "email/routing/rules":
      return { all: zone.rules.map(wireRule), perPage: PER_PAGE };
    default:
      return undefined;
  }
}

function ofAccount(world: World, [kind = "", ...rest]: readonly string[]): Listing | undefined {
  const path = [kind, ...rest].join("/");
  switch (path) {
    case "cfd_tunnel":
      return { all: world.all(TUNNEL).map(({ id, props }) => wireTunnel(id, props)), perPage: PER_PAGE };
    case "access/organizations":
      return world.authDomain === undefined ? undefined : { one: { name: "sandbox", auth_domain: world.authDomain } };
    case "access/apps":
      return { all: world.all(APPLICATION).map(({ id, props }) => wireApplication(id, props)), perPage: PER_PAGE };
    case "access/policies":
      return { all: world.all(POLICY).map(({ id, props }) => wirePolicy(id, props)), perPage: PER_PAGE };
    case "access/service_tokens":
      return { all: world.all(SERVICE_TOKEN).map(({ id, props }) => named(id, props)), perPage: PER_PAGE };
    case "tokens":
      return { all: world.all(ACCOUNT_TOKEN).map(({ id, props }) => named(id, props)), perPage: PER_PAGE };
    case "alerting/v3/policies":
      return { all: world.all(NOTIFICATION).map(({ id, props }) => wireNotification(id, props)) };
    case "workers/scripts":
      return { all: world.all(SCRIPT).map(({ id }) => ({ id })) };
  }
  const [first, second, third, ...more] = [kind, ...rest];
  if (more.length > 0 && first !== "workers") return undefined;
  if (first === "cfd_tunnel" && second !== undefined && third === undefined) return oneTunnel(world, second);
  if (first === "cfd_tunnel" && third === "configurations") return configuration(world, second ?? "");
  if (first === "workers" && second === "scripts" && more.length === 1) return ofScript(world, third ?? "", more[0]);
  return undefined;
}

function oneTunnel(world: World, id: string): Listing | undefined {
  const props = world.all(TUNNEL).find((remote) => remote.id === id)?.props;
  if (!props) return undefined;
  const connections = Array.from({ length: world.tunnelConnections(id) }, (_, nth) => ({
    ...{ id: `connection-${nth}`, colo_name: `ams0${nth % 2}`, is_pending_reconnect: false },
  }));
  return { one: { ...wireTunnel(id, props), status: connections.length > 0 ? "healthy" : "down", connections } };
}

/** The rules of a bucket as they are written (npm `cloudflare` 7.3.0, resources/r2/buckets/lifecycle.d.ts). */
export function lifecycleOf(world: World, bucket: string): object {
  return { rules: listAt(world.find(R2_LIFECYCLE, ({ bucketName }) => bucketName === bucket)?.props ?? {}, "rules") };
}

/** What a Worker is but its code; no secret is in it (resources/workers/scripts/script-and-version-settings.d.ts). */
function wireSettings(props: Props): object {
  const bindings = listAt(props, "bindings").map(({ name, type, text, bucketName }) => ({
    ...{ name, type },
    ...(type === "plain_text" ? { text } : {}),
    ...(type === "r2_bucket" ? { bucket_name: bucketName } : {}),
  }));
  const { compatibilityDate, compatibilityFlags, logpush, usageModel, observability } = props;
  const runtime = { compatibility_date: compatibilityDate, compatibility_flags: compatibilityFlags };
  return { bindings, ...runtime, logpush, usage_model: usageModel, observability };
}

function configuration(world: World, tunnelId: string): Listing | undefined {
  if (!world.all(TUNNEL).some(({ id }) => id === tunnelId)) return undefined;
  const props = world.all(TUNNEL_CONFIG).find(({ id }) => id === tunnelId)?.props;
  const config = props && { ingress: listAt(props, "config.ingresses").map(wireIngress) };
  return { one: { tunnel_id: tunnelId, source: "cloudflare", version: 1, config: config ?? null } };
}

/** The provider's name for `audTag` has a plural. */
function wireIngress(rule: Props): object {
  const options = rule["originRequest"];
  if (!isProps(options) || !isProps(options["access"])) return rule;
  const { audTags, ...access } = options["access"];
  return { ...rule, originRequest: { ...options, access: { ...access, audTag: audTags } } };
}

function ofScript(world: World, script: string, what: string | undefined): Listing | undefined {
  if (!world.all(SCRIPT).some(({ id }) => id === script)) return undefined;
  const of = (type: string) => world.all(type).find(({ props }) => props["scriptName"] === script)?.props ?? {};
  const { enabled = false, previewsEnabled = false } = of(SUBDOMAIN);
  if (what === "settings") return { one: wireSettings(of(SCRIPT)) };
  if (what === "subdomain") return { one: { enabled, previews_enabled: previewsEnabled } };
  if (what === "schedules") return { one: { schedules: listAt(of(CRON), "schedules") } };
  return undefined;
}

/** A page of a list with its `result_info`. */
export function page(
  all: readonly unknown[],
  perPage: number,
  query: URLSearchParams,
): { result: unknown; info: unknown } {
  const size = Math.max(1, Number(query.get("per_page") ?? perPage));
  const number = Math.max(1, Number(query.get("page") ?? 1));
  const result = all.slice((number - 1) * size, number * size);
  const info = {
    page: number,
    per_page: size,
    count: result.length,
    total_count: all.length,
    total_pages: Math.ceil(all.length / size),
  };
  return { result, info };
}

function wireRecord(world: World, record: ZoneRecord): object {
  const { id, name, type, content, priority, ttl, proxied, locked } = record;
  const props = world.all(DNS_RECORD).find((remote) => remote.id === id)?.props ?? {};
  const data = props["data"];
  return {
    ...{ id, name, type, content, ttl, proxied, settings: {}, tags: [] },
    proxiable: ["A", "AAAA", "CNAME"].includes(type),
    comment: textAt(props, "comment") ?? null,
    meta: locked ? { email_routing: true, read_only: true } : {},
    ...(priority === undefined ? {} : { priority }),
    ...(isProps(data) ? { data: type === "SRV" ? { ...data, priority: priority ?? 0 } : data } : {}),
  };
}

function wireDnssec(props: Props | undefined): object {
  return props === undefined ? {} : { status: props["status"], ds: props["ds"], key_tag: props["keyTag"] };
}

function statusOf(zone: Zone): string {
  if (!zone.emailRouting) return "unconfigured";
  return zone.records.some(({ locked, type }) => locked && type === "MX") ? "ready" : "unlocked";
}

function wireRule(props: Props): object {
  const { name, enabled, matchers, actions, priority } = props;
  return { tag: textAt(props, "tag") ?? "", name, enabled, matchers, actions, priority };
}

function wireTunnel(id: string, props: Props): object {
  const configSrc = textAt(props, "configSrc");
  return {
    ...{ id, name: props["name"], deleted_at: null, status: "inactive", tun_type: "cfd_tunnel", connections: [] },
    ...{ config_src: configSrc, remote_config: configSrc === "cloudflare" },
  };
}

function wireApplication(id: string, props: Props): object {
  const policies = listAt(props, "policies").map((policy) => ({ ...policy }));
  const { name, domain, type, sessionDuration, aud } = props;
  const domains = textsAt(props, "selfHostedDomains");
  const self_hosted_domains = domains.length === 0 ? [domain] : domains;
  return { id, aud, name, domain, type, session_duration: sessionDuration, policies, self_hosted_domains };
}

function wirePolicy(id: string, props: Props): object {
  const rules = (key: string) => listAt(props, key).map(wireAccessRule);
  const { name, decision, sessionDuration } = props;
  const conditions = { include: rules("includes"), exclude: rules("excludes"), require: rules("requires") };
  return { id, name, decision, session_duration: sessionDuration, reusable: true, ...conditions };
}

function wireAccessRule(rule: Props): object {
  const tokenId = textAt(rule, "serviceToken.tokenId");
  return tokenId === undefined ? rule : { service_token: { token_id: tokenId } };
}

function named(id: string, props: Props): object {
  const { name, expiresAt, expiresOn } = props;
  return {
    id,
    name,
    status: "active",
    expires_at: expiresAt,
    ...(expiresOn !== undefined && { expires_on: expiresOn }),
  };
}

/** Undefined until somebody makes a rule; the API then answers 404. */
function wireRuleset(ruleset: Remote | undefined): Listing | undefined {
  if (ruleset === undefined) return undefined;
  const rules = listAt(ruleset.props, "rules").map(({ ref, description, expression, action, enabled, ratelimit }) => ({
    ...{ ref, description, expression, action, enabled },
    ratelimit: {
      characteristics: at({ ratelimit }, "ratelimit.characteristics"),
      period: at({ ratelimit }, "ratelimit.period"),
      requests_per_period: at({ ratelimit }, "ratelimit.requestsPerPeriod"),
      mitigation_timeout: at({ ratelimit }, "ratelimit.mitigationTimeout"),
    },
  }));
  const { name, kind, phase } = ruleset.props;
  return { one: { id: ruleset.id, name, kind, phase, rules } };
}

function wireNotification(id: string, props: Props): object {
  const emails = listAt(props, "mechanisms.emails").map(({ id }) => ({ id }));
  const { name, description, enabled, alertType } = props;
  return { id, name, description, enabled, alert_type: alertType, mechanisms: { email: emails } };
}
