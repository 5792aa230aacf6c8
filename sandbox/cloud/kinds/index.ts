import type { Kind } from "../kind";
import { accessApplication, accessPolicy, accessServiceToken, APPLICATION, POLICY, SERVICE_TOKEN } from "./access";
import { ACCOUNT_TOKEN, accountToken } from "./account-token";
import { DNS_RECORD, dnsRecord } from "./dns-record";
import { remoteCommand } from "./elsewhere";
import {
  CATCH_ALL,
  emailRoutingCatchAll,
  emailRoutingDns,
  emailRoutingSettings,
  ROUTING,
  ROUTING_DNS,
} from "./email-routing";
import { iamKinds } from "./iam";
import { NOTIFICATION, notificationPolicy } from "./notification-policy";
import { R2_BUCKET, R2_LIFECYCLE, r2Bucket, r2BucketLifecycle } from "./r2";
import { RULESET, ruleset } from "./ruleset";
import { s3Kinds } from "./s3";
import { ACL, acl, DNS_SPLIT, dnsSplitNameservers, TAILNET_KEY, tailnetKey } from "./tailscale";
import { tunnel, TUNNEL, TUNNEL_CONFIG, tunnelConfig } from "./tunnel";
import {
  CRON,
  ROUTE,
  SCRIPT,
  SUBDOMAIN,
  workersCronTrigger,
  workersRoute,
  workersScript,
  workersScriptSubdomain,
} from "./workers";
import { ZONE_DNSSEC, zoneDnssec } from "./zone-dnssec";

/** Every resource type that the sandbox models, by Pulumi type token. */
export const KINDS: Readonly<Record<string, Kind>> = {
  [DNS_RECORD]: dnsRecord,
  [ROUTING]: emailRoutingSettings,
  [ROUTING_DNS]: emailRoutingDns,
  [CATCH_ALL]: emailRoutingCatchAll,
  [SCRIPT]: workersScript,
  [SUBDOMAIN]: workersScriptSubdomain,
  [CRON]: workersCronTrigger,
  [ROUTE]: workersRoute,
  [RULESET]: ruleset,
  [R2_BUCKET]: r2Bucket,
  [R2_LIFECYCLE]: r2BucketLifecycle,
  [NOTIFICATION]: notificationPolicy,
  [ZONE_DNSSEC]: zoneDnssec,
  [TUNNEL]: tunnel,
  [TUNNEL_CONFIG]: tunnelConfig,
  [SERVICE_TOKEN]: accessServiceToken,
  [POLICY]: accessPolicy,
  [APPLICATION]: accessApplication,
  [ACCOUNT_TOKEN]: accountToken,
  ...s3Kinds,
  ...iamKinds,
  [TAILNET_KEY]: tailnetKey,
  [DNS_SPLIT]: dnsSplitNameservers,
  [ACL]: acl,
  "command:remote:Command": remoteCommand,
};
