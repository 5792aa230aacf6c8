/**
 * Makes: the Access applications in front of the web interface's paths at the server's public name, and one policy that admits
 * the people of the stack file. JMAP, DAV and discovery stay open at the same name: programs cannot log in at Access.
 * Must be true first: the account has a Zero Trust organisation with a way to log in (infra/edge/tcp.ts).
 * By hand: nothing. Each person logs in with a browser, once a day.
 * Token scopes: Access: Apps and Policies Write on the account.
 */
import * as cloudflare from "@pulumi/cloudflare";
import * as pulumi from "@pulumi/pulumi";

import type { Applications } from "./access";
import { administrationDomains } from "./ingress";
import { administrationName } from "./names";

/** Shorter than a mail client's, because a browser opens the login page by itself. */
const SESSION = "24h";

export interface AdminAccessArgs {
  readonly accountId: string;
  readonly domain: string;
  /** The server's public name. */
  readonly server: string;
  /** Complete addresses. */
  readonly people: readonly string[];
}

export class AdminAccess extends pulumi.ComponentResource {
  /** Keyed by the name and path that each application guards. */
  readonly applications: Applications;

  constructor(name: string, args: AdminAccessArgs, opts?: pulumi.ComponentResourceOptions) {
    super("mail:index:AdminAccess", name, {}, opts);
    const { accountId, domain, server, people } = args;

    const policy = new cloudflare.ZeroTrustAccessPolicy(
      `${name}-policy`,
      {
        accountId,
        name: administrationName(domain),
        decision: "allow",
        sessionDuration: SESSION,
        includes: people.map((email) => ({ email: { email } })),
      },
      { parent: this },
    );
    this.applications = Object.fromEntries(
      administrationDomains(server).map((guarded) => {
        const path = guarded.slice(server.length + 1);
        const application = new cloudflare.ZeroTrustAccessApplication(
          `${name}-${path}`,
          {
            accountId,
            name: administrationName(domain, path),
            type: "self_hosted",
            domain: guarded,
            sessionDuration: SESSION,
            policies: [{ id: policy.id, precedence: 1 }],
          },
          { parent: this },
        );
        return [guarded, application];
      }),
    );
    this.registerOutputs();
  }
}
