/** What both Workers of the deployment have in common. */
import type * as cloudflare from "@pulumi/cloudflare";
import type * as pulumi from "@pulumi/pulumi";

/** Newest runtime behaviour that the Workers were tested with. */
export const COMPATIBILITY_DATE = "2026-06-01";

/**
 * Arguments that the provider reads back unchanged: the API fills in what is left out of `observability`, and knows
 * defaults for the rest. Without `global_fetch_strictly_public` a fetch to a name of the Worker's own zone goes past
 * Cloudflare Access.
 */
export function scriptArgs(
  accountId: string,
  scriptName: string,
  content: pulumi.Input<string>,
): cloudflare.WorkersScriptArgs {
  return {
    accountId,
    scriptName,
    mainModule: "worker.mjs",
    content,
    compatibilityDate: COMPATIBILITY_DATE,
    compatibilityFlags: ["global_fetch_strictly_public"],
    observability: { enabled: true, headSamplingRate: 1 },
    logpush: false,
    usageModel: "standard",
  };
}
