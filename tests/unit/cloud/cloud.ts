import type { Props } from "../../../sandbox/cloud/props";
import { Refusal } from "../../../sandbox/cloud/refusal";
import { changedKeys, World } from "../../../sandbox/cloud/world";
import { newZone } from "../../../sandbox/cloud/zone";

/** Type tokens as the SDKs register them; written out, so that a wrong token in the model is found. */
export const TYPE = {
  record: "cloudflare:index/dnsRecord:DnsRecord",
  routing: "cloudflare:index/emailRoutingSettings:EmailRoutingSettings",
  routingDns: "cloudflare:index/emailRoutingDns:EmailRoutingDns",
  catchAll: "cloudflare:index/emailRoutingCatchAll:EmailRoutingCatchAll",
  script: "cloudflare:index/workersScript:WorkersScript",
  subdomain: "cloudflare:index/workersScriptSubdomain:WorkersScriptSubdomain",
  route: "cloudflare:index/workersRoute:WorkersRoute",
  cron: "cloudflare:index/workersCronTrigger:WorkersCronTrigger",
  r2: "cloudflare:index/r2Bucket:R2Bucket",
  lifecycle: "cloudflare:index/r2BucketLifecycle:R2BucketLifecycle",
  notification: "cloudflare:index/notificationPolicy:NotificationPolicy",
  dnssec: "cloudflare:index/zoneDnssec:ZoneDnssec",
  ruleset: "cloudflare:index/ruleset:Ruleset",
  tunnel: "cloudflare:index/zeroTrustTunnelCloudflared:ZeroTrustTunnelCloudflared",
  ingress: "cloudflare:index/zeroTrustTunnelCloudflaredConfig:ZeroTrustTunnelCloudflaredConfig",
  token: "cloudflare:index/zeroTrustAccessServiceToken:ZeroTrustAccessServiceToken",
  policy: "cloudflare:index/zeroTrustAccessPolicy:ZeroTrustAccessPolicy",
  application: "cloudflare:index/zeroTrustAccessApplication:ZeroTrustAccessApplication",
  accountToken: "cloudflare:index/accountToken:AccountToken",
  bucket: "aws:s3/bucket:Bucket",
  splitDns: "tailscale:index/dnsSplitNameservers:DnsSplitNameservers",
  acl: "tailscale:index/acl:Acl",
  tailnetKey: "tailscale:index/tailnetKey:TailnetKey",
  command: "command:remote:Command",
} as const;

export const AWS = {
  access: "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
  owner: "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
  encryption: "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
  versioning: "aws:s3/bucketVersioning:BucketVersioning",
  lifecycle: "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
  policy: "aws:s3/bucketPolicy:BucketPolicy",
  user: "aws:iam/user:User",
  userPolicy: "aws:iam/userPolicy:UserPolicy",
  key: "aws:iam/accessKey:AccessKey",
} as const;

export type TypeName = keyof typeof TYPE;

export const accountId = "0123456789abcdef0123456789abcdef";
export const zoneId = "fedcba9876543210fedcba9876543210";
export const DOMAIN = "example.org";

/** An account with one zone and nothing in it. */
export function emptyWorld(): World {
  const world = new World({ accountId, apiToken: "token", zones: [newZone(zoneId, DOMAIN)] });
  world.tailnet.setPolicy(JSON.stringify({ tagOwners: { "tag:mail": [] } }));
  return world;
}

/** An account with one of each thing that others refer to. */
export interface Furnished {
  readonly world: World;
  readonly tunnelId: string;
  readonly tokenId: string;
  readonly policyId: string;
}

export function furnished(world = emptyWorld()): Furnished {
  world.create(TYPE.script, "script", script());
  world.create(TYPE.r2, "r2", r2());
  const tunnelId = world.create(TYPE.tunnel, "tunnel", tunnel()).id;
  const tokenId = world.create(TYPE.token, "token", { accountId, name: "worker", duration: "8760h" }).id;
  const policyId = world.create(TYPE.policy, "policy", policy(tokenId)).id;
  return { world, tunnelId, tokenId, policyId };
}

// Right shapes: each as facts about the provider say it must be (zero differences after a refresh).

export function txt(changes: Props = {}): Props {
  return { zoneId, name: `_dmarc.${DOMAIN}`, type: "TXT", ttl: 300, content: '"v=DMARC1; p=reject"', ...changes };
}

export function cname(changes: Props = {}): Props {
  const content = "target.example.net";
  return { zoneId, name: `www.${DOMAIN}`, type: "CNAME", ttl: 1, proxied: true, content, ...changes };
}

export function mx(changes: Props = {}): Props {
  const content = "feedback.example.net";
  return { zoneId, name: `send.${DOMAIN}`, type: "MX", ttl: 300, priority: 10, content, ...changes };
}

export function srv(changes: Props = {}): Props {
  const data = { priority: 0, weight: 1, port: 993, target: `imap.${DOMAIN}` };
  return { zoneId, name: `_imaps._tcp.${DOMAIN}`, type: "SRV", ttl: 300, priority: 0, data, ...changes };
}

export function caa(changes: Props = {}): Props {
  const data = { flags: 0, tag: "issue", value: "letsencrypt.org" };
  return { zoneId, name: DOMAIN, type: "CAA", ttl: 300, data, ...changes };
}

export function aaaa(changes: Props = {}): Props {
  return { zoneId, name: `six.${DOMAIN}`, type: "AAAA", ttl: 1, proxied: true, content: "2001:db8::1", ...changes };
}

export function script(changes: Props = {}): Props {
  return {
    accountId,
    scriptName: "mail-in",
    mainModule: "worker.mjs",
    content: "export default {};",
    compatibilityDate: "2026-06-01",
    compatibilityFlags: ["global_fetch_strictly_public"],
    observability: { enabled: true, headSamplingRate: 1 },
    logpush: false,
    usageModel: "standard",
    bindings: [
      { type: "plain_text", name: "HOST", text: "mail" },
      { type: "secret_text", name: "TOKEN", text: "hidden" },
    ],
    ...changes,
  };
}

export function tunnel(changes: Props = {}): Props {
  return { accountId, name: "mail", configSrc: "cloudflare", ...changes };
}

export function ingress(tunnelId: string, rules?: readonly Props[]): Props {
  const usual = [{ hostname: `mail.${DOMAIN}`, service: "https://traefik:443" }, { service: "http_status:404" }];
  return { accountId, tunnelId, config: { ingresses: rules ?? usual } };
}

export function policy(tokenId: string, changes: Props = {}): Props {
  const includes = [{ serviceToken: { tokenId } }];
  return { accountId, name: "machine", decision: "non_identity", sessionDuration: "24h", includes, ...changes };
}

export function application(policyId: string, changes: Props = {}): Props {
  const policies = [{ id: policyId, precedence: 1 }];
  const domain = `inbound.${DOMAIN}`;
  return { accountId, name: "in", type: "self_hosted", domain, sessionDuration: "24h", policies, ...changes };
}

export function r2(changes: Props = {}): Props {
  return { accountId, name: "mail-spool", ...changes };
}

export function lifecycle(changes: Props = {}): Props {
  const expire = {
    id: "expire",
    enabled: true,
    conditions: { prefix: "ledger/" },
    deleteObjectsTransition: { condition: { type: "Age", maxAge: 86_400 } },
  };
  return { accountId, bucketName: "mail-spool", rules: [expire], ...changes };
}

export function cron(...crons: readonly string[]): Props {
  return { accountId, scriptName: "mail-in", schedules: crons.map((text) => ({ cron: text })) };
}

export function catchAll(changes: Props = {}): Props {
  const actions = [{ type: "worker", values: ["mail-in"] }];
  return { zoneId, name: "to worker", enabled: true, matchers: [{ type: "all" }], actions, ...changes };
}

export function notification(changes: Props = {}): Props {
  return {
    accountId,
    name: "expiry",
    description: "Access token runs out",
    enabled: true,
    alertType: "expiring_service_token_alert",
    mechanisms: { emails: [{ id: `root@${DOMAIN}` }] },
    ...changes,
  };
}

export function accountToken(changes: Props = {}): Props {
  const permissionGroups = [{ id: "c8fed203ed3043cba015a93ad1616f1f" }, { id: "4755a26eedb94da69e1066d98aa820be" }];
  const resources = JSON.stringify({ [`com.cloudflare.api.account.zone.${zoneId}`]: "*" });
  return { accountId, name: "dns", policies: [{ effect: "allow", permissionGroups, resources }], ...changes };
}

/** A token whose one policy is for other resources or permissions. */
export function tokenFor(changes: Props): Props {
  const [policy] = accountToken()["policies"] as Props[];
  return accountToken({ policies: [{ ...policy, ...changes }] });
}

export function command(changes: Props = {}): Props {
  const connection = { host: "192.0.2.10", user: "mail", hostKey: "ssh-ed25519 AAAA" };
  return { connection, create: "bash -s", stdin: "true", ...changes };
}

/** Inputs of a resource, or how to make them from what stands already. */
export type Shape = Props | ((made: Furnished) => Props);

export function shaped(made: Furnished, shape: Shape): Props {
  return typeof shape === "function" ? shape(made) : shape;
}

/** The account's only zone. */
export function zoneOf({ zones }: World): World["zones"][number] {
  const [only] = zones;
  if (only === undefined) throw new Error("the account has no zone");
  return only;
}

/** The refusal of the service, or undefined when it takes the resource. */
export function refusalOf(
  work: () => unknown,
): { readonly code: number | undefined; readonly text: string } | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof Refusal) return { code: error.code, text: error.message };
    throw error;
  }
}

/** What a second `up` would change after a refresh of a resource with these inputs. */
export function changedAfterRefresh(world: World, type: TypeName, shape: Props): readonly string[] {
  // What is undefined never leaves the program.
  const inputs = Object.fromEntries(Object.entries(shape).filter(([, value]) => value !== undefined));
  const made = world.create(TYPE[type], "it", inputs);
  const state = world.read(TYPE[type], made.id, made.props);
  if (state === undefined) throw new Error(`${type}: the service does not find what it just made`);
  return changedKeys(world.kind(TYPE[type]), inputs, state);
}
