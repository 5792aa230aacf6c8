import { hostFiles } from "../../infra/host/files";
import type { DomainSettings, FurtherSettings, Settings } from "../../infra/settings/settings";
import { type Graph, graphOf } from "./graph";
import { declaredResources } from "./resources";

type StackSettings = Settings | FurtherSettings;

/** In the place of what only the edge knows; nothing of it is drawn. */
const EDGE_SECRETS = {
  tunnelToken: "drawn",
  acmeDnsToken: "drawn",
  backupKey: { accessKeyId: "drawn", secretAccessKey: "drawn" },
  tailnetKey: "drawn",
} as const;

/** Of the host's stack, what mail and people of a further domain go through too; types of resources. */
const SHARED = [
  "ZeroTrustAccessApplication",
  "ZeroTrustAccessPolicy",
  "ZeroTrustTunnelCloudflaredConfig",
  "TailnetKey",
  "Bucket",
];

/**
 * What the program declares for these settings, and what is shipped to the host, as one graph. That of a further domain has
 * its own way in and, of the host's stack, what it shares.
 *
 * @param host the settings of the stack with the host; of a first domain the same
 */
export async function stackGraph(settings: StackSettings, stack: string, host = settings): Promise<Graph> {
  const own = await declaredResources(settings, stack);
  if ("hostStack" in host) throw new Error(`${host.hostStack} has the host of ${stack}, and its settings are needed.`);
  const files = hostFiles(host, EDGE_SECRETS);
  if (!("hostStack" in settings)) return graphOf(own, files);
  const shared = (await declaredResources(host, settings.hostStack)).filter(({ type }) =>
    SHARED.some((name) => type.endsWith(`:${name}`)),
  );
  return graphOf([...own, ...shared], files);
}

/** What a picture shows, for those who do not see it. */
export function titleOf({ domain }: DomainSettings): string {
  return `Topology of ${domain}: which way mail and people take through the deployment`;
}
