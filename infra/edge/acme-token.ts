/**
 * Makes: the API token with which Traefik proves to the certificate authority that the mail domain is ours (DNS-01): it
 * writes a TXT record for a minute. It may edit the records of this one zone and nothing else.
 * Must be true first: nothing.
 * By hand: nothing. Cloudflare shows the token's secret once, at its creation; it lives in the state encrypted, and on the
 * host in a file that only Traefik's user reads. To rotate it, delete the token at Cloudflare and run `pulumi up --refresh`.
 * Token scopes: Account API Tokens Write on the account.
 */
import * as cloudflare from "@pulumi/cloudflare";
import * as pulumi from "@pulumi/pulumi";

import { certificateTokenName } from "./names";

/**
 * Ids of Cloudflare's permission groups, the same in every account (API: GET /accounts/{id}/tokens/permission_groups).
 * lego, Traefik's ACME client, finds the zone by its name and writes the record.
 */
export const ZONE_READ = "c8fed203ed3043cba015a93ad1616f1f";
export const DNS_WRITE = "4755a26eedb94da69e1066d98aa820be";

export interface AcmeTokenArgs {
  readonly accountId: string;
  readonly domain: string;
  /** The mail domain's zone. */
  readonly zoneId: string;
}

export class AcmeToken extends pulumi.ComponentResource {
  /** Secret. */
  readonly value: pulumi.Output<string>;

  constructor(name: string, args: AcmeTokenArgs, opts?: pulumi.ComponentResourceOptions) {
    super("mail:index:AcmeToken", name, {}, opts);
    const token = new cloudflare.AccountToken(
      `${name}-token`,
      {
        accountId: args.accountId,
        name: certificateTokenName(args.domain),
        policies: [
          {
            effect: "allow",
            permissionGroups: [{ id: ZONE_READ }, { id: DNS_WRITE }],
            // Compared as text: the API gives it back without spaces.
            resources: JSON.stringify({ [`com.cloudflare.api.account.zone.${args.zoneId}`]: "*" }),
          },
        ],
      },
      { parent: this },
    );
    this.value = pulumi.secret(token.value);
    this.registerOutputs({ value: this.value });
  }
}
