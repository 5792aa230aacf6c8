/**
 * Makes: the Access application in front of the name that only the Worker uses, the service token it shows, and an alert
 * before that token runs out.
 * Must be true first: the account has a Zero Trust organisation.
 * By hand: nothing. The token's secret is shown to the program once, at its creation, and lives in the state encrypted.
 * Token scopes: Access: Apps and Policies Write, Access: Service Tokens Write, Notifications Write on the account.
 */
import * as cloudflare from "@pulumi/cloudflare";
import * as pulumi from "@pulumi/pulumi";

import { tokenAlertName, workerTokenName } from "./names";

/** One year, Cloudflare's default for service tokens; written out so that a change of the default is no change here. */
const TOKEN_LIFETIME = "8760h";
const SESSION = "24h";

export interface WorkerAccessArgs {
  readonly accountId: string;
  readonly domain: string;
  /** The protected name. */
  readonly hostname: string;
  /** The one that leads to the LMTP listener, when mail comes that way. */
  readonly lmtpHostname: string | undefined;
  /** The token that the Worker shows. */
  readonly tokenNumber: number;
  /** The one before, as long as a Worker may still show it. */
  readonly keptNumber: number | undefined;
  /** Who is told before the token expires. */
  readonly alertAddress: string;
}

/** Access applications by their domain: a name, or a name and a path. */
export type Applications = Readonly<Record<string, cloudflare.ZeroTrustAccessApplication>>;

export class WorkerAccess extends pulumi.ComponentResource {
  readonly clientId: pulumi.Output<string>;
  /** Secret. */
  readonly clientSecret: pulumi.Output<string>;
  readonly expiresAt: pulumi.Output<string>;
  /** Says which tokens are let in: the Worker shows a new one only after it. */
  readonly policy: pulumi.Resource;
  /** By the name that each guards. */
  readonly applications: Applications;

  constructor(name: string, args: WorkerAccessArgs, opts?: pulumi.ComponentResourceOptions) {
    super("mail:index:WorkerAccess", name, {}, opts);
    const { accountId, hostname } = args;

    // The first has no number, because it had none before there was a second.
    const tokenOf = (number: number) => {
      const suffix = number === 1 ? "" : String(number);
      return new cloudflare.ZeroTrustAccessServiceToken(
        [name, "token", suffix].filter(Boolean).join("-"),
        { accountId, name: workerTokenName(args.domain, number), duration: TOKEN_LIFETIME },
        { parent: this },
      );
    };
    const token = tokenOf(args.tokenNumber);
    const kept = args.keptNumber === undefined ? [] : [tokenOf(args.keptNumber)];
    // `non_identity` is what admits a service token; an `allow` policy does not.
    const policy = new cloudflare.ZeroTrustAccessPolicy(
      `${name}-policy`,
      {
        accountId,
        name: `mail worker ${args.domain}`,
        decision: "non_identity",
        sessionDuration: SESSION,
        includes: [token, ...kept].map(({ id }) => ({ serviceToken: { tokenId: id } })),
      },
      { parent: this },
    );
    this.policy = policy;
    const guard = (suffix: string, title: string, domain: string) =>
      new cloudflare.ZeroTrustAccessApplication(
        `${name}-${suffix}`,
        {
          accountId,
          name: `${title} ${args.domain}`,
          type: "self_hosted",
          domain,
          sessionDuration: SESSION,
          policies: [{ id: policy.id, precedence: 1 }],
        },
        { parent: this },
      );
    this.applications = {
      [hostname]: guard("application", "mail worker", hostname),
      ...(args.lmtpHostname !== undefined && {
        [args.lmtpHostname]: guard("lmtp", "mail worker LMTP", args.lmtpHostname),
      }),
    };
    new cloudflare.NotificationPolicy(
      `${name}-expiry`,
      {
        accountId,
        name: tokenAlertName(args.domain),
        description: "The Access token with which the mail Worker reaches the host expires soon.",
        enabled: true,
        alertType: "expiring_service_token_alert",
        mechanisms: { emails: [{ id: args.alertAddress }] },
      },
      { parent: this },
    );

    this.clientId = token.clientId;
    this.clientSecret = token.clientSecret;
    this.expiresAt = token.expiresAt;
    this.registerOutputs({ clientId: this.clientId, clientSecret: this.clientSecret, expiresAt: this.expiresAt });
  }
}
