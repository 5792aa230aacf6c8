/**
 * Makes: the Worker that serves the MTA-STS policy of Cloudflare's MX at the name RFC 8461 fixes, and the route to it.
 * Must be true first: the proxied record for that name, which is one of the deployment's DNS records.
 * By hand: nothing.
 * Token scopes: Workers Scripts Write on the account, Workers Routes Write on the zone.
 */
import * as cloudflare from "@pulumi/cloudflare";
import * as pulumi from "@pulumi/pulumi";

import { bundleWorker } from "./bundle";
import { scriptArgs } from "./worker";

export interface MtaStsArgs {
  readonly accountId: string;
  readonly zoneId: string;
  /** `mta-sts.<domain>` (RFC 8461 section 3.3). */
  readonly hostname: string;
  readonly scriptName: string;
}

export class MtaSts extends pulumi.ComponentResource {
  constructor(name: string, args: MtaStsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("mail:index:MtaSts", name, {}, opts);
    const { accountId, zoneId } = args;

    const script = new cloudflare.WorkersScript(
      name,
      { ...scriptArgs(accountId, args.scriptName, bundleWorker("mta-sts")), bindings: [] },
      { parent: this },
    );
    new cloudflare.WorkersScriptSubdomain(
      `${name}-no-address`,
      { accountId, scriptName: script.scriptName, enabled: false, previewsEnabled: false },
      { parent: this },
    );
    new cloudflare.WorkersRoute(
      `${name}-route`,
      { zoneId, pattern: `${args.hostname}/*`, script: script.scriptName },
      { parent: this },
    );

    this.registerOutputs();
  }
}
