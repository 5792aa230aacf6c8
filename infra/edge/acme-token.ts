/**
 * Makes: the API token with which Traefik proves to the certificate authority that the mail domain is ours (DNS-01): it
 * writes a TXT record for a minute. It may edit the records of one zone and nothing else, for a year: Cloudflare has no
 * narrower right than a zone, and a condition on the address would reveal the home's address, which also changes.
 * Must be true first: nothing.
 * By hand: `npm run rotate -- certificate-token` once a year; the doctor says when. Cloudflare shows the token's secret once, at
 * its creation; it is kept encrypted in the state, and on the host in a file that only Traefik's user can read.
 * Token scopes: Account API Tokens Write on the account. A token with that right can give itself any other;
 * with `mail:acmeDnsToken` the program makes no token and does not need the right.
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

const YEAR_MS = 365 * 86_400_000;

export interface AcmeTokenArgs {
  readonly accountId: string;
  readonly domain: string;
  /** The zone that it can change. */
  readonly zoneId: string;
  readonly number: number;
}

export class AcmeToken extends pulumi.ComponentResource {
  /** Secret. */
  readonly value: pulumi.Output<string>;

  constructor(name: string, args: AcmeTokenArgs, opts?: pulumi.ComponentResourceOptions) {
    super("mail:index:AcmeToken", name, {}, opts);
    // The first has no number, because it had none before there was a second.
    const suffix = args.number === 1 ? "" : `-${args.number}`;
    const token = new cloudflare.AccountToken(
      `${name}-token${suffix}`,
      {
        accountId: args.accountId,
        name: certificateTokenName(args.domain, args.number),
        expiresOn: new Date(Date.now() + YEAR_MS).toISOString().replace(/\.\d+Z$/, "Z"),
        policies: [
          {
            effect: "allow",
            permissionGroups: [{ id: ZONE_READ }, { id: DNS_WRITE }],
            // Compared as text: the API gives it back without spaces.
            resources: JSON.stringify({ [`com.cloudflare.api.account.zone.${args.zoneId}`]: "*" }),
          },
        ],
      },
      // The end is that of the day on which it was made.
      { parent: this, ignoreChanges: ["expiresOn"] },
    );
    this.value = pulumi.secret(token.value);
    this.registerOutputs({ value: this.value });
  }
}
