import * as pulumi from "@pulumi/pulumi";

import { Tailnet } from "./clients/tailnet";
import { BackupStore } from "./backup/bucket";
import { Dns } from "./dns/dns";
import { mailRecords } from "./dns/records";
import { type Applications, WorkerAccess } from "./edge/access";
import { AcmeToken } from "./edge/acme-token";
import { AdminAccess } from "./edge/admin";
import { EmailRouting } from "./edge/email-routing";
import { inboundBindings } from "./edge/bindings";
import { InboundWorker } from "./edge/inbound-worker";
import { doors } from "./edge/ingress";
import { publicArgs, PublicWorker } from "./edge/public-worker";
import { Spool } from "./edge/spool";
import { SPOOL_SCHEDULE } from "./edge/spool-rules";
import { PeopleAccess } from "./edge/tcp";
import { tcpServices } from "./edge/tcp-services";
import { HttpTunnel } from "./edge/tunnel";
import { Host } from "./host/host";
import { hostSteps, nextSteps } from "./next-steps";
import { type HostOffer, hostOffer } from "./settings/host-offer";
import type { Settings } from "./settings/settings";

/** The stack's outputs: what other stacks, the host and the operator need. */
export interface MailOutputs {
  readonly domain: string;
  /** Where JMAP clients point. */
  readonly jmapUrl: string;
  readonly inboundWorker: pulumi.Output<string>;
  readonly tunnelId: pulumi.Output<string>;
  /** The DS record for the registrar. */
  readonly dnssecDs: pulumi.Output<string>;
  readonly accessTokenExpiresAt: pulumi.Output<string>;
  /** What the tailnet's policy file must have, as JSON; the tag's name is in it. */
  readonly tailnetPolicy?: string;
  /** Where phones on the tailnet reach the host. */
  readonly tailnetAddress?: pulumi.Output<string> | undefined;
  /** What a person still has to do. */
  readonly nextSteps: readonly string[];
  /** For the stacks of further domains ({@link HostOffer}). Secret. */
  readonly hostOffer: pulumi.Output<HostOffer>;
}

/** What preflight learnt from Cloudflare before anything is declared. */
export interface Account {
  /** Of the mail domain's zone and those further ones that exist, by name. */
  readonly zoneIds: Readonly<Record<string, string>>;
  /** Of the account's Zero Trust organisation. */
  readonly teamName: string;
}

/** Declares every resource of the deployment. */
export function declareMail(settings: Settings, { zoneIds, teamName }: Account): MailOutputs {
  const { accountId, domain, hostnames, inboundDelivery, protect, spool } = settings;
  const isLmtp = inboundDelivery === "lmtp";
  const zoneId = zoneIds[domain];
  const acmeZoneId = zoneIds[settings.acme.zone ?? domain];
  if (zoneId === undefined || acmeZoneId === undefined)
    throw new pulumi.RunError(`There is no zone id for ${domain} or mail:acmeZone; preflight must find it first.`);
  const records = mailRecords(settings);

  const access = new WorkerAccess("access", {
    accountId,
    domain,
    hostname: hostnames.inbound,
    lmtpHostname: isLmtp ? hostnames.lmtp : undefined,
    tokenNumber: settings.edge.accessTokenNumber,
    keptNumber: settings.edge.accessTokenKept,
    alertAddress: settings.primaryAddress,
  });
  const tcp = tcpServices(settings);
  const people =
    tcp.length === 0
      ? undefined
      : new PeopleAccess("people", { accountId, domain, services: tcp, people: settings.clientTcp.people });
  const admin =
    settings.adminAccess === "access"
      ? new AdminAccess("admin", { accountId, domain, server: hostnames.server, people: settings.clientTcp.people })
      : undefined;
  const applications = { ...access.applications, ...people?.applications, ...admin?.applications };
  const tunnel = new HttpTunnel("tunnel", {
    accountId,
    domain,
    doors: doors(settings),
    access: { teamName, audienceOf: (guarded) => audienceOf(applications, guarded) },
    secret: settings.edge.tunnelSecret,
    protect,
  });
  const dns = new Dns("dns", { domain, records, zoneIds, tunnelId: tunnel.tunnelId, protect });
  const bucket = spool && new Spool("spool", { accountId, ...spool, protect });
  const acmeDnsToken =
    settings.acme.dnsToken === undefined
      ? new AcmeToken("certificates", {
          accountId,
          domain,
          zoneId: acmeZoneId,
          number: settings.acme.tokenNumber,
        }).value
      : pulumi.secret(settings.acme.dnsToken.reveal());
  const backups =
    settings.backup?.target.kind === "s3"
      ? new BackupStore("backup", { domain, target: settings.backup.target, protect })
      : undefined;
  const tailnet = settings.tailnet && new Tailnet("tailnet", settings.tailnet);
  const host = new Host("host", {
    settings,
    tunnelToken: tunnel.token,
    acmeDnsToken,
    backupKey: backups?.key,
    tailnetKey: tailnet?.key,
  });
  const worker = new InboundWorker("inbound", {
    accountId,
    scriptName: settings.workerName,
    // The listener and the way to it are there before the Worker goes it.
    after: [access.policy, ...(isLmtp ? [host.files, tunnel.ingress, dns] : [])],
    bindings: inboundBindings(
      settings,
      {
        clientId: access.clientId,
        clientSecret: access.clientSecret,
        key: host.workerKey,
        arrivalsKey: host.arrivalsKey,
      },
      bucket?.bucketName,
    ),
    schedule: spool && SPOOL_SCHEDULE,
  });
  // A new key is in the Worker before the old one is withdrawn.
  const retired = host.keyRetired(worker.script);
  new PublicWorker("public", publicArgs(settings, zoneId));
  const routing = new EmailRouting("routing", {
    zoneId,
    worker: settings.inbound === "worker" ? worker.scriptName : undefined,
    after: [worker, dns, tunnel.ingress],
    protect,
  });
  host.backupPassword([routing, retired]);
  const tailnetAddress = tailnet?.lead({
    node: host.tailnetNode([routing]),
    records,
    zoneId,
    server: hostnames.server,
  });

  return {
    domain,
    jmapUrl: `https://${hostnames.server}/.well-known/jmap`,
    inboundWorker: worker.scriptName,
    tunnelId: tunnel.tunnelId,
    dnssecDs: dns.ds,
    accessTokenExpiresAt: access.expiresAt,
    ...(tailnet && { tailnetPolicy: tailnet.policy, tailnetAddress }),
    nextSteps: [...nextSteps(settings, records, zoneIds), ...hostSteps(settings)],
    hostOffer: pulumi.secret(
      pulumi
        .all([access.clientId, access.clientSecret, host.workerKey, host.arrivalsKey])
        .apply(([clientId, clientSecret, key, arrivalsKey]) =>
          hostOffer(settings, { clientId, clientSecret, key, arrivalsKey }),
        ),
    ),
  };
}

function audienceOf(applications: Applications, guarded: string): pulumi.Output<string> {
  const application = applications[guarded];
  if (application === undefined) throw new Error(`No Access application guards ${guarded}.`);
  return application.aud;
}
