/**
 * Makes: for each service that the tunnel carries as TCP, the Access application in front of its name, and one policy that
 * admits the people of the stack file.
 * Must be true first: the account has a Zero Trust organisation with a way to log in (one-time codes by mail are there from
 * the start; a person who reads them in this very mailbox needs another way: JMAP, or another provider of identities).
 * By hand: each person logs in once with `cloudflared access login`; docs/laptop.md.
 * Token scopes: Access: Apps and Policies Write on the account.
 */
import * as cloudflare from "@pulumi/cloudflare";
import * as pulumi from "@pulumi/pulumi";

import type { Applications } from "./access";
import type { TcpService } from "./tcp-services";

/** A month, the longest that the dashboard offers: a mail client that runs all day must not lose its way every night. */
const SESSION = "730h";

export interface PeopleAccessArgs {
  readonly accountId: string;
  readonly domain: string;
  readonly services: readonly TcpService[];
  /** Complete addresses. */
  readonly people: readonly string[];
}

export class PeopleAccess extends pulumi.ComponentResource {
  /** By the name that each guards. */
  readonly applications: Applications;

  constructor(name: string, args: PeopleAccessArgs, opts?: pulumi.ComponentResourceOptions) {
    super("mail:index:PeopleAccess", name, {}, opts);
    const { accountId, domain, services, people } = args;

    const policy = new cloudflare.ZeroTrustAccessPolicy(
      `${name}-policy`,
      {
        accountId,
        name: `mail people ${domain}`,
        decision: "allow",
        sessionDuration: SESSION,
        includes: people.map((email) => ({ email: { email } })),
      },
      { parent: this },
    );
    this.applications = Object.fromEntries(
      services.map(({ service, hostname }) => [
        hostname,
        new cloudflare.ZeroTrustAccessApplication(
          `${name}-${service}`,
          {
            accountId,
            name: `mail ${service} ${domain}`,
            type: "self_hosted",
            domain: hostname,
            sessionDuration: SESSION,
            policies: [{ id: policy.id, precedence: 1 }],
          },
          { parent: this },
        ),
      ]),
    );
    this.registerOutputs();
  }
}
