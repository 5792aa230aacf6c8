/**
 * Makes: the domain's plan on a host that another stack has, over SSH: domain, account and signatures in Stalwart.
 * Must be true first: that stack's `up` (docs/domains.md).
 * By hand: a destroy takes the plan and its keys away. Domain, account and mail stay in Stalwart until the administrator
 * deletes them there.
 */
import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";

import { filesOf } from "../../onhost/src/deployment";
import { commandArgs } from "../host/command";
import { pack } from "../host/ship/pack";
import { domainScript, leaveCommand } from "../host/ship/script";
import { domainSecrets } from "../host/ship/secrets";
import { domainFiles } from "../host/stalwart/domain-files";
import type { FurtherSettings } from "../settings/settings";

export class HostDomain extends pulumi.ComponentResource {
  /** Done when Stalwart is as planned for this domain. */
  readonly plan: pulumi.Resource;

  constructor(name: string, settings: FurtherSettings, opts?: pulumi.ComponentResourceOptions) {
    super("mail:index:HostDomain", name, {}, opts);
    const { domain, host, hostStack } = settings;
    const script = domainScript(pack(domainFiles(settings)), {
      folder: host.folder,
      domain,
      hostStack,
      secrets: domainSecrets(settings),
    });
    this.plan = new command.remote.Command(
      `${name}-plan`,
      { ...commandArgs(host, script), delete: leaveCommand(host.folder, Object.values(filesOf(domain))) },
      // Whoever replaces it on purpose gets the old files removed before the new ones are installed, and not after.
      { parent: this, deleteBeforeReplace: true, additionalSecretOutputs: ["stdout", "stderr"] },
    );
    this.registerOutputs();
  }
}
