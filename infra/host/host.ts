import * as pulumi from "@pulumi/pulumi";

import type { Settings } from "../settings/settings";

export interface HostArgs {
  readonly settings: Settings;
  /** Secret. */
  readonly tunnelToken: pulumi.Input<string>;
  /** Secret. */
  readonly acmeDnsToken: pulumi.Input<string>;
}

export class Host extends pulumi.ComponentResource {
  /** The API key with which the Worker imports mail. Secret. */
  readonly workerKey: pulumi.Output<string>;

  constructor(name: string, _args: HostArgs, opts?: pulumi.ComponentResourceOptions) {
    super("mail:index:Host", name, {}, opts);
    this.workerKey = pulumi.secret("not minted yet");
    this.registerOutputs({ workerKey: this.workerKey });
  }
}
