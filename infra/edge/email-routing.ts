/**
 * Makes: Email Routing for the zone, its DNS (MX, SPF, DKIM: Cloudflare writes and locks them) and the one catch-all rule.
 * Must be true first: no MX of another mail service is left at the domain.
 * By hand: before `pulumi destroy` set `inbound` to `off` and run `pulumi up` once. The catch-all cannot be deleted and
 * would go on naming a Worker that is gone.
 * Token scopes: Zone Settings Write and Email Routing Rules Write on the zone.
 */
import * as cloudflare from "@pulumi/cloudflare";
import * as pulumi from "@pulumi/pulumi";

export interface EmailRoutingArgs {
  readonly zoneId: string;
  /** The Worker that takes every message; undefined: every message is dropped. */
  readonly worker: pulumi.Input<string> | undefined;
  /**
   * What must work before the first message arrives. Records come first for another reason too: while Email Routing is
   * on, the API refuses further MX records (890190), and Resend's return path is one.
   */
  readonly after: readonly pulumi.Resource[];
  /** Refuse to switch Email Routing off, and to leave a rule behind that names a Worker. */
  readonly protect: boolean;
}

export class EmailRouting extends pulumi.ComponentResource {
  constructor(name: string, args: EmailRoutingArgs, opts?: pulumi.ComponentResourceOptions) {
    super("mail:index:EmailRouting", name, {}, opts);
    const { zoneId, protect } = args;

    const settings = new cloudflare.EmailRoutingSettings(
      `${name}-settings`,
      { zoneId },
      { parent: this, protect, dependsOn: [...args.after] },
    );
    const dns = new cloudflare.EmailRoutingDns(
      `${name}-dns`,
      { zoneId },
      // Any update of this resource is a PATCH, and a PATCH unlocks the records.
      { parent: this, protect, dependsOn: [settings], ignoreChanges: ["name", "subdomain"] },
    );
    new cloudflare.EmailRoutingCatchAll(
      `${name}-catch-all`,
      {
        zoneId,
        name: args.worker === undefined ? "drop all mail" : "all mail to the worker",
        enabled: true,
        matchers: [{ type: "all" }],
        actions: [args.worker === undefined ? { type: "drop" } : { type: "worker", values: [args.worker] }],
      },
      // Without its Worker the rule would go on, and lose every message.
      { parent: this, dependsOn: [dns], protect: protect && args.worker !== undefined },
    );

    this.registerOutputs();
  }
}
