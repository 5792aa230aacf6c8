/**
 * Makes: the Worker that answers clients and sending servers while home may be down, and the routes to it: the MTA-STS
 * policy of Cloudflare's MX, the configuration for Thunderbird and Outlook. It holds no secret (decision 005). And the
 * zone's rate limiting rule in front of it.
 * Must be true first: the proxied records for the names, which are among the deployment's DNS records.
 * By hand: nothing.
 * Token scopes: Workers Scripts Write on the account; Workers Routes Write and, for the rule, Zone WAF Write on the zone.
 */
import * as cloudflare from "@pulumi/cloudflare";
import * as pulumi from "@pulumi/pulumi";

import type { PublicEnv } from "../../worker/src/public-env";
import type { DomainSettings } from "../settings/settings";
import { publicBindings } from "./bindings";
import { startBundle } from "./bundle";
import { type PublicHost, routePatterns } from "./public-paths";
import { RATE_LIMIT_PHASE, rateLimitRules } from "./rate-limit";
import { scriptArgs } from "./worker";

export interface PublicWorkerArgs {
  readonly accountId: string;
  readonly zoneId: string;
  readonly scriptName: string;
  /** Names that the Worker answers for, complete. */
  readonly hostnames: Readonly<Record<PublicHost, string>>;
  /** Declares the zone's rate limiting rule; a zone has one set of them. */
  readonly rateLimit: boolean;
  /** One value for each binding that the Worker's own type names; anyone may read them. */
  readonly bindings: PublicEnv;
}

/** The public Worker of a domain. */
export function publicArgs(settings: DomainSettings, zoneId: string): PublicWorkerArgs {
  const { accountId, hostnames, workerName } = settings;
  return {
    accountId,
    zoneId,
    scriptName: `${workerName}-public`,
    hostnames: {
      "mta-sts": hostnames.mtaSts,
      autoconfig: hostnames.autoconfig,
      autodiscover: hostnames.autodiscover,
    },
    rateLimit: settings.publicRateLimit,
    bindings: publicBindings(settings),
  };
}

export class PublicWorker extends pulumi.ComponentResource {
  constructor(name: string, args: PublicWorkerArgs, opts?: pulumi.ComponentResourceOptions) {
    // Its children's aliases follow: a second route with the pattern of the first would be refused.
    const aliases = [{ type: "mail:index:MtaSts", name: "mta-sts" }];
    super("mail:index:PublicWorker", name, {}, pulumi.mergeOptions(opts, { aliases }));
    const { accountId, zoneId } = args;

    const script = new cloudflare.WorkersScript(
      name,
      {
        ...scriptArgs(accountId, args.scriptName, startBundle("public")),
        bindings: Object.entries(args.bindings).map(([binding, text]: [string, string]) => ({
          name: binding,
          type: "plain_text",
          text,
        })),
      },
      { parent: this },
    );
    new cloudflare.WorkersScriptSubdomain(
      `${name}-no-address`,
      { accountId, scriptName: script.scriptName, enabled: false, previewsEnabled: false },
      { parent: this },
    );
    for (const [label, pattern] of Object.entries(routePatterns(args.hostnames)))
      new cloudflare.WorkersRoute(
        `${name}-route-${label}`,
        { zoneId, pattern, script: script.scriptName },
        { parent: this, ...(label === "mta-sts" ? { aliases: [{ name: "mta-sts-route" }] } : {}) },
      );

    if (args.rateLimit)
      new cloudflare.Ruleset(
        `${name}-rate-limit`,
        { zoneId, kind: "zone", phase: RATE_LIMIT_PHASE, name: "Rate limits", rules: rateLimitRules() },
        { parent: this },
      );

    this.registerOutputs();
  }
}
