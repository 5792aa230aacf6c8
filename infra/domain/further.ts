import * as pulumi from "@pulumi/pulumi";

import { Dns } from "../dns/dns";
import { furtherRecords } from "../dns/records";
import { inboundBindings } from "../edge/bindings";
import { EmailRouting } from "../edge/email-routing";
import { InboundWorker } from "../edge/inbound-worker";
import { publicArgs, PublicWorker } from "../edge/public-worker";
import { Spool } from "../edge/spool";
import { SPOOL_SCHEDULE } from "../edge/spool-rules";
import { nextSteps } from "../next-steps";
import type { HostOffer } from "../settings/host-offer";
import type { FurtherSettings } from "../settings/settings";
import { HostDomain } from "./host-domain";

/** Outputs of the stack of a further domain. */
export interface FurtherOutputs {
  readonly domain: string;
  readonly inboundWorker: pulumi.Output<string>;
  /** The DS record for the registrar. */
  readonly dnssecDs: pulumi.Output<string>;
  /** What a person still has to do. */
  readonly nextSteps: readonly string[];
}

/**
 * Declares a further domain on a host that another stack has: its zone's records, Email Routing, Workers and spool of its own,
 * and its plan on the host. `worker` is what that stack offers of the way home; secret.
 */
export function declareFurther(
  settings: FurtherSettings,
  worker: HostOffer["worker"],
  zoneIds: Readonly<Record<string, string>>,
): FurtherOutputs {
  const { accountId, domain, protect, spool } = settings;
  const zoneId = zoneIds[domain];
  if (zoneId === undefined)
    throw new pulumi.RunError(`There is no zone id for ${domain}; preflight must find it first.`);
  const records = furtherRecords(settings);

  const dns = new Dns("dns", { domain, records, zoneIds, tunnelId: undefined, protect });
  const bucket = spool && new Spool("spool", { accountId, ...spool, protect });
  const host = new HostDomain("host", settings);
  const inbound = new InboundWorker("inbound", {
    accountId,
    scriptName: settings.workerName,
    after: [host.plan],
    bindings: inboundBindings(settings, worker, bucket?.bucketName),
    schedule: spool && SPOOL_SCHEDULE,
  });
  new PublicWorker("public", publicArgs(settings, zoneId));
  new EmailRouting("routing", {
    zoneId,
    worker: settings.inbound === "worker" ? inbound.scriptName : undefined,
    after: [inbound, dns, host],
    protect,
  });

  return {
    domain,
    inboundWorker: inbound.scriptName,
    dnssecDs: dns.ds,
    nextSteps: nextSteps(settings, records, zoneIds),
  };
}
