/**
 * Makes: the tunnel, which the host's cloudflared opens from inside, and what it forwards: HTTP, and TCP for laptops.
 * Must be true first: nothing. Traefik answers on the host's compose network in plain HTTP, on one entry point for people
 * and on one for the Worker, so that no mail waits for a certificate.
 * By hand: nothing. Deleting the tunnel gives it a new id and a new token: every name that leads to it changes.
 * Token scopes: Cloudflare Tunnel Write on the account.
 */
import * as cloudflare from "@pulumi/cloudflare";
import * as pulumi from "@pulumi/pulumi";

import type { Secret } from "../settings/secret";
import { type AccessCheck, type Door, ingressRules } from "./ingress";
import { tunnelName } from "./names";

export interface HttpTunnelArgs {
  readonly accountId: string;
  readonly domain: string;
  readonly doors: readonly Door[];
  /** Its audiences come from the applications, so nothing is forwarded before Access guards it. */
  readonly access: AccessCheck;
  /** Base64 of at least 32 bytes. Changing it makes a new token; who is connected stays so. Undefined: Cloudflare's own. */
  readonly secret: Secret | undefined;
  /** Refuse to delete the tunnel. */
  readonly protect: boolean;
}

export class HttpTunnel extends pulumi.ComponentResource {
  readonly tunnelId: pulumi.Output<string>;
  /** What cloudflared on the host connects with. Secret. */
  readonly token: pulumi.Output<string>;
  /** Traffic flows only once this resource exists. */
  readonly ingress: pulumi.Resource;

  constructor(name: string, args: HttpTunnelArgs, opts?: pulumi.ComponentResourceOptions) {
    super("mail:index:HttpTunnel", name, {}, opts);
    const { accountId } = args;

    const tunnel = new cloudflare.ZeroTrustTunnelCloudflared(
      name,
      // Without `configSrc` cloudflared ignores the ingress rules below.
      {
        accountId,
        name: tunnelName(args.domain),
        configSrc: "cloudflare",
        ...(args.secret && { tunnelSecret: pulumi.secret(args.secret.reveal()) }),
      },
      { parent: this, protect: args.protect },
    );

    this.ingress = new cloudflare.ZeroTrustTunnelCloudflaredConfig(
      `${name}-ingress`,
      { accountId, tunnelId: tunnel.id, config: { ingresses: ingressRules(args.doors, args.access) } },
      { parent: this },
    );

    this.tunnelId = tunnel.id;
    // The provider does not mark the token as a secret.
    this.token = pulumi.secret(
      cloudflare.getZeroTrustTunnelCloudflaredTokenOutput({ accountId, tunnelId: tunnel.id }, { parent: this }).token,
    );
    this.registerOutputs({ tunnelId: this.tunnelId, token: this.token });
  }
}
