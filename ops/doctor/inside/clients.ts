import { type Context, type Deployment, hasHost } from "../context";
import { ARRIVAL_MS, canaryClient } from "./canary";
import { cloudflareClient } from "./cloudflare";
import { type Fetch, jmapClient } from "./jmap";
import { sshClient } from "./ssh";

export type { Fetch } from "./jmap";

/** Clients of what is not public. They connect when they are asked first; without their credential nobody asks them. */
export function insideClients(
  deployment: Deployment,
  environment: NodeJS.ProcessEnv,
  ask: Fetch = fetch,
  arrivalMs = ARRIVAL_MS,
): Pick<Context, "cloudflare" | "ssh" | "jmap" | "canary"> {
  const { settings } = deployment;
  const outside = { cloudflare: cloudflareClient(settings, environment), ssh: sshClient(settings.host) };
  if (!hasHost(deployment)) return { ...outside, jmap: { call: elsewhere }, canary: NO_CANARY };
  const { settings: own } = deployment;
  return { ...outside, jmap: jmapClient(own, ask), canary: canaryClient(own, environment, ask, arrivalMs) };
}

/** A further domain has no check that asks. */
function elsewhere(): Promise<never> {
  return Promise.reject(new Error("another stack has the host"));
}

const NO_CANARY = { send: elsewhere, arrivalMs: 0, arrived: elsewhere };
