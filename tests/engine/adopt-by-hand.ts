import type { MailRecord } from "../../infra/dns/record";
import { mailRecords } from "../../infra/dns/records";
import { tunnelHostname } from "../../infra/dns/rdata";
import { quoteTxt } from "../../infra/dns/txt";
import type { Settings } from "../../infra/settings/settings";
import { APPLICATION, POLICY, SERVICE_TOKEN } from "../../sandbox/cloud/kinds/access";
import { ACCOUNT_TOKEN } from "../../sandbox/cloud/kinds/account-token";
import { DNS_RECORD } from "../../sandbox/cloud/kinds/dns-record";
import { CATCH_ALL, ROUTING, ROUTING_DNS } from "../../sandbox/cloud/kinds/email-routing";
import { NOTIFICATION } from "../../sandbox/cloud/kinds/notification-policy";
import { R2_BUCKET } from "../../sandbox/cloud/kinds/r2";
import { TUNNEL, TUNNEL_CONFIG } from "../../sandbox/cloud/kinds/tunnel";
import { CRON, ROUTE, SCRIPT, SUBDOMAIN } from "../../sandbox/cloud/kinds/workers";
import { ZONE_DNSSEC } from "../../sandbox/cloud/kinds/zone-dnssec";
import type { Props } from "../../sandbox/cloud/props";
import type { World } from "../../sandbox/cloud/world";

/** Which of the program's records somebody got wrong, and how: by key. */
const WRONG: Readonly<Record<string, Props>> = {
  "txt-_dmarc": { content: '"v=DMARC1; p=none; rua=mailto:somebody@augustin.ai"' },
  "txt-_smtp._tls": { ttl: 3600 },
  "srv-_imaps._tcp": { data: { priority: 5, weight: 1, port: 143, target: "old.augustin.ai" }, priority: 5 },
  "srv-_jmap._tcp": { data: { priority: 0, weight: 1, port: 443, target: "old.augustin.ai" } },
  "cname-autoconfig": { content: "old.example.net", proxied: false, ttl: 300 },
  "cname-stalwart": { proxied: false, ttl: 300 },
  "txt-202602e._domainkey": { content: '"v=DKIM1; k=ed25519; p=AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAA"' },
};

/** One is of another type: that cannot be changed in place. */
export const OF_ANOTHER_TYPE = "cname-autodiscover";

/** What nobody has made yet. */
const MISSING = ["srv-_pop3._tcp", "txt-resend._domainkey"];

/** A deployment and more that somebody clicked together over the years, in the account of `settings`. */
export function fillByHand(world: World, settings: Settings): void {
  const { accountId, domain } = settings;
  const zoneId = world.zones.find(({ name }) => name === domain)?.id ?? "";
  const make = (type: string, inputs: Props) => world.create(type, "by hand", inputs).id;

  const tunnelId = make(TUNNEL, { accountId, name: "home", configSrc: "cloudflare" });
  const ingresses = [
    { hostname: `stalwart.${domain}`, service: "http://stalwart:8080" },
    { service: "http_status:404" },
  ];
  make(TUNNEL_CONFIG, { accountId, tunnelId, config: { ingresses } });
  const others = make(TUNNEL, { accountId, name: "photos", configSrc: "cloudflare" });

  for (const record of mailRecords(settings)) {
    if (record.owner !== "program" || record.data.type === "A" || MISSING.includes(record.key)) continue;
    if (record.key === OF_ANOTHER_TYPE)
      make(DNS_RECORD, { zoneId, name: record.name, type: "A", ttl: 300, content: "192.0.2.7" });
    else make(DNS_RECORD, { ...inputsOf(record, zoneId, tunnelId), ...WRONG[record.key] });
  }
  for (const foreign of foreignRecords(domain, others)) make(DNS_RECORD, { zoneId, ttl: 300, ...foreign });

  make(SCRIPT, {
    ...{ accountId, scriptName: "mail-inbound", mainModule: "old.mjs", content: "export default {};" },
    bindings: [{ name: "TOKEN", type: "secret_text", text: "nobody can read this" }],
  });
  make(SCRIPT, { accountId, scriptName: "photos", mainModule: "a.mjs", content: "export default {};" });
  make(SUBDOMAIN, { accountId, scriptName: "mail-inbound", enabled: true, previewsEnabled: false });
  make(CRON, { accountId, scriptName: "mail-inbound", schedules: [{ cron: "*/5 * * * *" }] });
  make(ROUTE, { zoneId, pattern: `mta-sts.${domain}/.well-known/mta-sts.txt*`, script: "mail-inbound" });
  make(ROUTE, { zoneId, pattern: `photos.${domain}/*`, script: "photos" });
  const bucket = make(R2_BUCKET, { accountId, name: "mail-spool-augustin-ai" });
  make(R2_BUCKET, { accountId, name: "photos" });
  if (bucket !== "mail-spool-augustin-ai") throw new Error(bucket);

  const tokenId = make(SERVICE_TOKEN, { accountId, name: `mail worker ${domain}`, duration: "8760h" });
  const policyId = make(POLICY, {
    ...{ accountId, name: `mail worker ${domain}`, decision: "non_identity", sessionDuration: "24h" },
    includes: [{ serviceToken: { tokenId } }],
  });
  const application = { accountId, type: "self_hosted", sessionDuration: "24h" };
  const policies = [{ id: policyId, precedence: 1 }];
  make(APPLICATION, { ...application, name: "the worker's door", domain: `inbound.${domain}`, policies });
  make(APPLICATION, { ...application, name: "photos", domain: `photos.${domain}`, policies });
  make(NOTIFICATION, {
    ...{ accountId, name: "health", description: "", enabled: true, alertType: "tunnel_health_event" },
    mechanisms: { emails: [{ id: `root@${domain}` }] },
  });
  make(ACCOUNT_TOKEN, { accountId, name: `mail certificates ${domain}`, policies: [accountPolicy(zoneId)] });

  make(ROUTING, { zoneId });
  make(ROUTING_DNS, { zoneId });
  make(CATCH_ALL, {
    ...{ zoneId, name: "", enabled: true, matchers: [{ type: "all" }] },
    actions: [{ type: "forward", values: ["somebody@example.net"] }],
  });
  make(ZONE_DNSSEC, { zoneId, status: "active" });
  world.zones[0]?.rules.push({
    ...{ tag: "rule", name: "", enabled: true, priority: 0 },
    matchers: [{ type: "literal", field: "to", value: `me@${domain}` }],
    actions: [{ type: "forward", values: ["me@example.net"] }],
  });
}

function foreignRecords(domain: string, tunnelId: string): Props[] {
  const at = (label: string) => `${label}.${domain}`;
  const hosts = [
    "www",
    "blog",
    "git",
    "vpn",
    "nas",
    "cam",
    "wiki",
    "shop",
    "status",
    "files",
    "chat",
    "code",
    "music",
    "maps",
    "play",
    "docs",
    "print",
  ];
  return [
    ...hosts.map((label, nth) => ({ name: at(label), type: "A", content: `192.0.2.${nth + 10}` })),
    { name: domain, type: "CNAME", content: "site.example.net", proxied: true, ttl: 1, comment: "the website" },
    { name: domain, type: "TXT", content: '"google-site-verification=abc"' },
    { name: domain, type: "TXT", content: '"MS=ms123"' },
    { name: at("photos"), type: "CNAME", content: tunnelHostname(tunnelId), proxied: true, ttl: 1 },
    { name: at("news"), type: "MX", priority: 10, content: "mx.example.net" },
    { name: at("news"), type: "TXT", content: '"v=spf1 include:example.net -all"' },
    { name: at("old._domainkey"), type: "TXT", content: '"v=DKIM1; k=rsa; p=MIGf"' },
    { name: at("_github-challenge"), type: "TXT", content: '"f00"' },
    {
      name: at("_minecraft._tcp"),
      type: "SRV",
      priority: 0,
      data: { priority: 0, weight: 5, port: 25565, target: at("git") },
    },
    { name: domain, type: "CAA", data: { flags: 0, tag: "issue", value: "sectigo.com" } },
    { name: at("send"), type: "TXT", content: '"a note of somebody"' },
  ];
}

/** As the program would write it, without a comment. */
function inputsOf({ name, ttl, proxied, data }: MailRecord, zoneId: string, tunnelId: string): Props {
  const common = { zoneId, name, ttl, type: data.type };
  switch (data.type) {
    case "TXT":
      return { ...common, content: quoteTxt(data.text) };
    case "MX":
      return { ...common, priority: data.priority, content: data.target };
    case "CNAME":
      return { ...common, proxied, content: typeof data.target === "string" ? data.target : tunnelHostname(tunnelId) };
    case "SRV": {
      const { priority, weight, port, target } = data;
      return { ...common, priority, data: { priority, weight, port, target } };
    }
    case "CAA": {
      const { flags, tag, value } = data;
      return { ...common, data: { flags, tag, value } };
    }
    default:
      return { ...common, proxied, content: "address" in data ? data.address : "" };
  }
}

function accountPolicy(zoneId: string): Props {
  return {
    effect: "allow",
    permissionGroups: [{ id: "c8fed203ed3043cba015a93ad1616f1f" }, { id: "4755a26eedb94da69e1066d98aa820be" }],
    resources: JSON.stringify({ [`com.cloudflare.api.account.zone.${zoneId}`]: "*" }),
  };
}
