import { tunnelToken } from "./kinds/tunnel";
import { type Props, textAt } from "./props";
import { Refusal } from "./refusal";
import type { World } from "./world";

/** Answers a provider function (a look-up that makes nothing). */
export function invoke(world: World, token: string, args: Props): Props {
  switch (token) {
    case "cloudflare:index/getZeroTrustTunnelCloudflaredToken:getZeroTrustTunnelCloudflaredToken":
      return { ...args, token: tunnelToken(world, textAt(args, "tunnelId") ?? "") };
    case "tailscale:index/getDevices:getDevices":
      return { id: "devices", devices: world.tailnet.machines.map((machine) => ({ ...machine, authorized: true })) };
    case "tailscale:index/getAcl:getAcl":
      return { id: "acl", ...world.tailnet.policy };
    default:
      throw new Refusal(501, undefined, `the sandbox has no model of ${token}; add it to sandbox/cloud/invoke.ts`);
  }
}
