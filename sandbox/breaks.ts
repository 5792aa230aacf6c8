import * as cloudflare from "@pulumi/cloudflare";
import * as pulumi from "@pulumi/pulumi";

/**
 * Ways to break one link of the declared topology on purpose: the run must then fail and name the link. The program
 * stays as it is; the arguments of one resource are changed on their way to the engine.
 */
export const BREAKS = {
  "catch-all": {
    what: "the catch-all names another Worker",
    type: "cloudflare:index/emailRoutingCatchAll:EmailRoutingCatchAll",
    change: (args) => ({ ...args, actions: [{ type: "worker", values: ["mail-inbound-public"] }] }),
  },
  "missing-worker": {
    what: "the catch-all names a Worker that does not exist",
    type: "cloudflare:index/emailRoutingCatchAll:EmailRoutingCatchAll",
    change: (args) => ({ ...args, actions: [{ type: "worker", values: ["nobody"] }] }),
  },
  ingress: {
    what: "the tunnel's ingress has no rule for the Worker's hostname",
    type: "cloudflare:index/zeroTrustTunnelCloudflaredConfig:ZeroTrustTunnelCloudflaredConfig",
    change: (args) => ({ ...args, config: { ingresses: [{ service: "http_status:404" }] } }),
  },
  access: {
    what: "the Access application admits the token of another application",
    type: "cloudflare:index/zeroTrustAccessPolicy:ZeroTrustAccessPolicy",
    change: (args) => ({ ...args, includes: [{ serviceToken: { tokenId: otherToken(args).id } }] }),
  },
  binding: {
    what: "the Worker lacks the binding JMAP_TOKEN",
    type: "cloudflare:index/workersScript:WorkersScript",
    change: (args) => ({ ...args, bindings: bindingsOf(args).apply((all) => without("JMAP_TOKEN", all)) }),
  },
  spool: {
    what: "the Worker lacks the binding SPOOL, so that nothing can wait at the edge",
    type: "cloudflare:index/workersScript:WorkersScript",
    change: (args) => ({ ...args, bindings: bindingsOf(args).apply((all) => without("SPOOL", all)) }),
  },
  record: {
    what: "the record of autodiscover is declared twice under one name",
    type: "cloudflare:index/dnsRecord:DnsRecord",
    change: (args) => ({ ...args, name: String(args["name"]).replace(/^autodiscover\./, "autoconfig.") }),
  },
  tunnel: {
    what: "the tunnel is configured locally instead of by Cloudflare",
    type: "cloudflare:index/zeroTrustTunnelCloudflared:ZeroTrustTunnelCloudflared",
    change: (args) => ({ ...args, configSrc: "local" }),
  },
} as const satisfies Record<string, Break>;

export type BreakName = keyof typeof BREAKS;

interface Break {
  readonly what: string;
  readonly type: string;
  readonly change: (args: Readonly<Record<string, unknown>>) => Record<string, unknown>;
}

/** The same program with one link broken. */
export function broken<T>(name: BreakName, program: () => Promise<T>): () => Promise<T> {
  const { type, change }: Break = BREAKS[name];
  return () => {
    pulumi.runtime.registerStackTransformation(({ type: actual, props, opts }) =>
      actual === type ? { props: change(props), opts } : undefined,
    );
    return program();
  };
}

function otherToken(args: Readonly<Record<string, unknown>>): cloudflare.ZeroTrustAccessServiceToken {
  const accountId = String(args["accountId"]);
  return new cloudflare.ZeroTrustAccessServiceToken("another-application", { accountId, name: "another application" });
}

function bindingsOf(args: Readonly<Record<string, unknown>>): pulumi.Output<unknown> {
  return pulumi.output(args["bindings"]);
}

function without(name: string, bindings: unknown): unknown {
  return Array.isArray(bindings) ? bindings.filter((binding: { name?: unknown }) => binding.name !== name) : bindings;
}
