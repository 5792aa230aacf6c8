import { hostFiles } from "../../infra/host/files";
import type { Settings } from "../../infra/settings/settings";
import { type Graph, graphOf } from "./graph";
import { declaredResources } from "./resources";

/** In the place of what only the edge knows; nothing of it is drawn. */
const EDGE_SECRETS = {
  tunnelToken: "drawn",
  acmeDnsToken: "drawn",
  backupKey: { accessKeyId: "drawn", secretAccessKey: "drawn" },
  tailnetKey: "drawn",
} as const;

/** What the program declares for these settings, and what it ships to the host, as one graph. */
export async function stackGraph(settings: Settings, stack: string): Promise<Graph> {
  return graphOf(await declaredResources(settings, stack), hostFiles(settings, EDGE_SECRETS));
}

/** What a picture shows, for those who do not see it. */
export function titleOf({ domain }: Settings): string {
  return `Topology of ${domain}: which way mail and people take through the deployment`;
}
