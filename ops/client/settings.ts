import type { FurtherSettings, Settings } from "../../infra/settings/settings";
import { publicStack } from "../public-settings";

/**
 * What settings for clients are made from: names, services and addresses are the domain's, the tailnet and the TCP tunnel
 * are those of its host. Those of a stack with a host are these already.
 */
export type ClientSettings = Pick<
  Settings,
  "domain" | "primaryAddress" | "services" | "hostnames" | "tailnet" | "clientTcp"
> &
  /** Only of a further domain. */
  Partial<Pick<FurtherSettings, "hostStack" | "hostDomain">>;

/** @throws StackFileError */
export function clientSettings(stack: string): ClientSettings {
  const { settings, host } = publicStack(stack);
  if (!("hostStack" in settings)) return settings;
  const { tailnet, clientTcp, hostnames } = host;
  return { ...settings, tailnet, clientTcp, hostnames: { ...settings.hostnames, tcp: hostnames.tcp } };
}

/** The domain whose names lead to the host: certificate, TCP tunnel. */
export function hostDomainOf({ domain, hostDomain = domain }: ClientSettings): string {
  return hostDomain;
}
