import * as cloudflare from "@pulumi/cloudflare";
import * as pulumi from "@pulumi/pulumi";

import { COMMAND } from "./engine/command";
import { changedFile } from "./shipped";

/** A host key that belongs to nobody here. */
const STRANGER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

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
    // Other policies admit people.
    isMeant: ({ name }) => String(name).startsWith("mail worker "),
    change: (args) => ({ ...args, includes: [{ serviceToken: { tokenId: otherToken(args).id } }] }),
  },
  binding: {
    what: "the Worker lacks the binding JMAP_TOKEN, or LMTP_URL when it goes that way",
    type: "cloudflare:index/workersScript:WorkersScript",
    change: (args) => ({
      ...args,
      bindings: bindingsOf(args).apply((all) => without("LMTP_URL", without("JMAP_TOKEN", all))),
    }),
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
  "host-key": {
    what: "the host shows another key than the settings name",
    type: COMMAND,
    change: (args) => ({ ...args, connection: connectionOf(args).apply((all) => ({ ...all, hostKey: STRANGER })) }),
  },
  plan: {
    what: "Stalwart's plan lacks the primary account",
    type: COMMAND,
    change: (args) =>
      withFile(args, "stalwart/plan/plan.ndjson", (plan) =>
        plan.replace(/^\{"@type":"upsert","object":"Account",.*"value":\{"primary":.*\n/m, ""),
      ),
  },
  router: {
    what: "Traefik has no router for the Worker's entry point",
    type: COMMAND,
    change: (args) =>
      withFile(args, "traefik/dynamic/mail.yaml", (yaml) => yaml.replace("- inbound\n", "- websecure\n")),
  },
  token: {
    what: "cloudflared has the token of another tunnel",
    type: COMMAND,
    change: (args) => withFile(args, "cloudflared/token", () => Buffer.from('{"a":"x"}').toString("base64")),
  },
} as const satisfies Record<string, Break>;

export type BreakName = keyof typeof BREAKS;

interface Break {
  readonly what: string;
  readonly type: string;
  /** Which resources of the type, when not all of them. */
  readonly isMeant?: (args: Args) => boolean;
  readonly change: (args: Args) => Record<string, unknown>;
}

type Args = Readonly<Record<string, unknown>>;

/** The same program with one link broken. */
export function broken<T>(name: BreakName, program: () => Promise<T>): () => Promise<T> {
  const { type, isMeant = () => true, change }: Break = BREAKS[name];
  return () => {
    pulumi.runtime.registerStackTransformation(({ type: actual, props, opts }) =>
      actual === type && isMeant(props) ? { props: change(props), opts } : undefined,
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

/** The same command with one of the shipped files changed. */
function withFile(args: Args, path: string, change: (content: string) => string): Record<string, unknown> {
  const stdin = pulumi.output(args["stdin"] as pulumi.Input<string>);
  return { ...args, stdin: stdin.apply((script) => changedFile(script, path, change)) };
}

function connectionOf(args: Args): pulumi.Output<object> {
  return pulumi.output(args["connection"] as pulumi.Input<object>);
}

function without(name: string, bindings: unknown): unknown {
  return Array.isArray(bindings) ? bindings.filter((binding: { name?: unknown }) => binding.name !== name) : bindings;
}
