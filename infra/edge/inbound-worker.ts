/**
 * Makes: the Worker that Email Routing hands every message to, without a public address of its own, and the clock that
 * makes it try spooled mail again.
 * Must be true first: the account has Workers; on the free plan a 25 MiB message can exceed the CPU limit.
 * By hand: nothing. The API knows no delete of a cron trigger: without a spool it goes on running, and finds nothing.
 * Renaming the Worker makes a new one; the catch-all follows in the same update.
 * Token scopes: Workers Scripts Write on the account.
 */
import * as cloudflare from "@pulumi/cloudflare";
import * as pulumi from "@pulumi/pulumi";

import type { Env } from "../../worker/src/env";
import { startBundle } from "./bundle";
import { scriptArgs } from "./worker";

export interface InboundWorkerArgs {
  readonly accountId: string;
  readonly scriptName: string;
  /** One value for each binding that the Worker's own type names. */
  readonly bindings: { readonly [name in keyof Env]: Binding };
  /** What the Worker needs at home from its first message on, beside what its bindings come from. */
  readonly after: readonly pulumi.Resource[];
  /** When spooled mail is tried again, as a cron expression; undefined: there is no spool. */
  readonly schedule: string | undefined;
}

/** `secret` values are encrypted at Cloudflare and cannot be read back there; `bucket` names one of R2's. */
export type Binding =
  | { readonly text: pulumi.Input<string> }
  | { readonly secret: pulumi.Input<string> }
  | { readonly bucket: pulumi.Input<string> };

export class InboundWorker extends pulumi.ComponentResource {
  readonly scriptName: pulumi.Output<string>;
  readonly script: pulumi.Resource;

  constructor(name: string, args: InboundWorkerArgs, opts?: pulumi.ComponentResourceOptions) {
    super("mail:index:InboundWorker", name, {}, opts);
    const { accountId, scriptName } = args;

    const script = new cloudflare.WorkersScript(
      name,
      {
        ...scriptArgs(accountId, scriptName, startBundle("inbound")),
        bindings: Object.entries(args.bindings).map(([binding, value]: [string, Binding]) =>
          wireBinding(binding, value),
        ),
      },
      { parent: this, dependsOn: [...args.after] },
    );
    new cloudflare.WorkersScriptSubdomain(
      `${name}-no-address`,
      { accountId, scriptName: script.scriptName, enabled: false, previewsEnabled: false },
      { parent: this },
    );

    if (args.schedule !== undefined)
      new cloudflare.WorkersCronTrigger(
        `${name}-clock`,
        { accountId, scriptName: script.scriptName, schedules: [{ cron: args.schedule }] },
        { parent: this },
      );

    this.script = script;
    this.scriptName = script.scriptName;
    this.registerOutputs({ scriptName: this.scriptName });
  }
}

function wireBinding(name: string, value: Binding): cloudflare.types.input.WorkersScriptBinding {
  if ("bucket" in value) return { name, type: "r2_bucket", bucketName: value.bucket };
  if ("secret" in value) return { name, type: "secret_text", text: pulumi.secret(value.secret) };
  return { name, type: "plain_text", text: value.text };
}
