import type { Context, Deployment } from "../context";
import { ARRIVAL_MS, canaryClient } from "./canary";
import { cloudflareClient } from "./cloudflare";
import { type Fetch, jmapClient } from "./jmap";
import { sshClient } from "./ssh";

export type { Fetch } from "./jmap";

/** Clients of what is not public. They connect when they are asked first; without their credential nobody asks them. */
export function insideClients(
  { settings }: Deployment,
  environment: NodeJS.ProcessEnv,
  ask: Fetch = fetch,
  arrivalMs = ARRIVAL_MS,
): Pick<Context, "cloudflare" | "ssh" | "jmap" | "canary"> {
  return {
    cloudflare: cloudflareClient(settings, environment),
    ssh: sshClient(settings.host),
    jmap: jmapClient(settings, ask),
    canary: canaryClient(settings, environment, ask, arrivalMs),
  };
}
