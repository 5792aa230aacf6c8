/**
 * Makes: the HTTP tunnel, which the host's cloudflared opens from inside, and what it forwards.
 * Must be true first: Traefik answers as `https://traefik:443` on the host's compose network, with a certificate for the
 * server's name.
 * By hand: nothing. Deleting the tunnel gives it a new id and a new token: every name that leads to it changes.
 * Token scopes: Cloudflare Tunnel Write on the account.
 */
import * as cloudflare from "@pulumi/cloudflare";
import * as pulumi from "@pulumi/pulumi";

import type { Settings } from "../settings/settings";

/** Where cloudflared finds the reverse proxy on the compose network. */
const REVERSE_PROXY = "https://traefik:443";

export interface HttpTunnelArgs {
  readonly accountId: string;
  readonly domain: string;
  readonly hostnames: Settings["hostnames"];
  /** What guards the Worker's name: nothing is forwarded under it before. */
  readonly guard: pulumi.Resource;
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
    const { accountId, hostnames } = args;

    const tunnel = new cloudflare.ZeroTrustTunnelCloudflared(
      name,
      // Without `configSrc` cloudflared ignores the ingress rules below.
      { accountId, name: `mail ${args.domain}`, configSrc: "cloudflare" },
      { parent: this, protect: args.protect },
    );

    this.ingress = new cloudflare.ZeroTrustTunnelCloudflaredConfig(
      `${name}-ingress`,
      { accountId, tunnelId: tunnel.id, config: { ingresses: ingressRules(hostnames) } },
      { parent: this, dependsOn: [args.guard] },
    );

    this.tunnelId = tunnel.id;
    // The provider does not mark the token as a secret.
    this.token = pulumi.secret(
      cloudflare.getZeroTrustTunnelCloudflaredTokenOutput({ accountId, tunnelId: tunnel.id }, { parent: this }).token,
    );
    this.registerOutputs({ tunnelId: this.tunnelId, token: this.token });
  }
}

/**
 * Both names go to the reverse proxy under the server's own name: one certificate, one route there. Every other public
 * name is answered at the edge (decision 005). The last rule must match everything (cloudflared, ingress rules).
 */
export function ingressRules(
  hostnames: Settings["hostnames"],
): cloudflare.types.input.ZeroTrustTunnelCloudflaredConfigConfigIngress[] {
  const names = [hostnames.server, hostnames.inbound];
  return [
    ...names.map((hostname) => ({
      hostname,
      service: REVERSE_PROXY,
      originRequest: { originServerName: hostnames.server, httpHostHeader: hostnames.server },
    })),
    { service: "http_status:404" },
  ];
}
