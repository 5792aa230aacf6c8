import * as pulumi from "@pulumi/pulumi";

import { Tailnet } from "./clients/tailnet";
import { readCloudflareApi, readSettings } from "./config";
import { Dns } from "./dns/dns";
import { BackupStore } from "./backup/bucket";
import { mailRecords } from "./dns/records";
import { WorkerAccess } from "./edge/access";
import { AcmeToken } from "./edge/acme-token";
import { EmailRouting } from "./edge/email-routing";
import { type Binding, InboundWorker } from "./edge/inbound-worker";
import { PublicWorker } from "./edge/public-worker";
import { Spool } from "./edge/spool";
import { PeopleAccess } from "./edge/tcp";
import { tcpServices } from "./edge/tcp-services";
import { HttpTunnel } from "./edge/tunnel";
import { Host } from "./host/host";
import { TRAEFIK_PORTS } from "./host/layout";
import { hostReachable } from "./host/reachable";
import { nextSteps } from "./next-steps";
import { preflight, PreflightError } from "./preflight";
import type { Settings } from "./settings/settings";

/**
 * Every minute: a run brings some 140 messages home, so a backlog of thousands is gone within the hour. An empty
 * spool costs two listings a run, a tenth of what R2's free plan allows a month.
 */
const SPOOL_SCHEDULE = "* * * * *";

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
}

/** The Pulumi program: configuration in, questions to Cloudflare, everything declared. */
export async function program(): Promise<MailOutputs> {
  const settings = readSettings();
  const furtherZones = [...new Set(mailRecords(settings).map((record) => record.zone))].filter(
    (zone) => zone !== settings.domain,
  );
  const { zoneIds, warnings } = await asked({
    accountId: settings.accountId,
    domain: settings.domain,
    furtherZones,
    r2: settings.spool !== undefined,
  });
  const unreachable = await hostReachable(settings.host);
  for (const warning of [...warnings, ...(unreachable === undefined ? [] : [unreachable])])
    await pulumi.log.warn(warning);
  return declareMail(settings, zoneIds);
}

/** Declares every resource of the deployment. `zoneIds` has the mail domain's zone and those further ones that exist. */
export function declareMail(settings: Settings, zoneIds: Readonly<Record<string, string>>): MailOutputs {
  const { accountId, domain, hostnames, inboundDelivery, protect, spool } = settings;
  const isLmtp = inboundDelivery === "lmtp";
  const zoneId = zoneIds[domain];
  if (zoneId === undefined)
    throw new pulumi.RunError(`There is no zone id for ${domain}; preflight must find it first.`);
  const records = mailRecords(settings);

  const access = new WorkerAccess("access", {
    accountId,
    domain,
    hostname: hostnames.inbound,
    lmtpHostname: isLmtp ? hostnames.lmtp : undefined,
    alertAddress: settings.primaryAddress,
  });
  const tcp = tcpServices(settings);
  const people =
    tcp.length === 0
      ? undefined
      : new PeopleAccess("people", { accountId, domain, services: tcp, people: settings.clientTcp.people });
  const tunnel = new HttpTunnel("tunnel", {
    accountId,
    domain,
    hostnames,
    tcp: [...tcp, ...(isLmtp ? [{ hostname: hostnames.lmtp, port: TRAEFIK_PORTS.lmtp }] : [])],
    guards: [...access.applications, ...(people?.applications ?? [])],
    protect,
  });
  const dns = new Dns("dns", { domain, records, zoneIds, tunnelId: tunnel.tunnelId, protect });
  const bucket = spool && new Spool("spool", { accountId, ...spool, protect });
  const certificates = new AcmeToken("certificates", { accountId, domain, zoneId });
  const backups =
    settings.backup?.target.kind === "s3"
      ? new BackupStore("backup", { domain, target: settings.backup.target, protect })
      : undefined;
  const tailnet = settings.tailnet && new Tailnet("tailnet", settings.tailnet);
  const host = new Host("host", {
    settings,
    tunnelToken: tunnel.token,
    acmeDnsToken: certificates.value,
    backupKey: backups?.key,
    tailnetKey: tailnet?.key,
  });
  const worker = new InboundWorker("inbound", {
    accountId,
    scriptName: settings.workerName,
    // The listener and the way to it are there before the Worker goes it.
    after: isLmtp ? [host.files, tunnel.ingress, dns] : [],
    bindings: {
      INBOUND_DELIVERY: { text: inboundDelivery },
      ...(isLmtp
        ? { LMTP_URL: { text: `https://${hostnames.lmtp}` } }
        : { JMAP_URL: { text: `https://${hostnames.inbound}` }, JMAP_TOKEN: { secret: host.workerKey } }),
      ACCESS_CLIENT_ID: { secret: access.clientId },
      ACCESS_CLIENT_SECRET: { secret: access.clientSecret },
      MAIL_DOMAIN: { text: domain },
      CATCH_ALL: { text: settings.catchAll ?? "" },
      ...(bucket && { SPOOL: { bucket: bucket.bucketName } }),
      ALERT_URL: alertUrl(spool),
      ALERT_AFTER_MINUTES: { text: String(spool?.alertAfterMinutes ?? "") },
    },
    schedule: spool && SPOOL_SCHEDULE,
  });
  // A new key is in the Worker before the old one is withdrawn.
  host.keyRetired(worker.script);
  new PublicWorker("public", {
    accountId,
    zoneId,
    scriptName: `${settings.workerName}-public`,
    hostnames: {
      "mta-sts": hostnames.mtaSts,
      autoconfig: hostnames.autoconfig,
      autodiscover: hostnames.autodiscover,
    },
    bindings: {
      MAIL_DOMAIN: domain,
      SERVER_HOSTNAME: hostnames.server,
      CLIENTS_HOSTNAME: hostnames.clients,
      SERVICES: settings.services.join(","),
      DISPLAY_NAME: domain,
    },
  });
  const routing = new EmailRouting("routing", {
    zoneId,
    worker: settings.inbound === "worker" ? worker.scriptName : undefined,
    after: [worker, dns, tunnel.ingress],
    protect,
  });
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
    nextSteps: nextSteps(settings, records, zoneIds),
  };
}

/** Whoever knows such a URL can post there. Nothing needs no hiding, and the API may refuse an empty secret. */
function alertUrl(spool: Settings["spool"]): Binding {
  const url = spool?.alertUrl.reveal() ?? "";
  return url === "" ? { text: "" } : { secret: url };
}

/** A fact about the account is a mistake of the user's, not of the program's: no stack trace. */
async function asked(question: Parameters<typeof preflight>[1]): ReturnType<typeof preflight> {
  try {
    return await preflight(readCloudflareApi(), question);
  } catch (error) {
    throw error instanceof PreflightError ? new pulumi.RunError(error.message) : error;
  }
}
