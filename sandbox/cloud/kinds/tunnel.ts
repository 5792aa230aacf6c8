import type { Kind } from "../kind";
import { listAt, type Props, textAt } from "../props";
import { Refusal } from "../refusal";
import type { World } from "../world";

export const TUNNEL = "cloudflare:index/zeroTrustTunnelCloudflared:ZeroTrustTunnelCloudflared";
export const TUNNEL_CONFIG = "cloudflare:index/zeroTrustTunnelCloudflaredConfig:ZeroTrustTunnelCloudflaredConfig";

/** cloudflare:index/zeroTrustTunnelCloudflared:ZeroTrustTunnelCloudflared. */
export const tunnel: Kind = {
  importId: {
    format: "<account_id>/<tunnel_id>",
    find: ([, id], world) => world.all(TUNNEL).find((remote) => remote.id === id),
  },
  secret: ["tunnelSecret"],
  replaceOn: ["accountId", "configSrc"],
  computed: [
    ...["accountTag", "connections", "connsActiveAt", "connsInactiveAt", "createdAt", "deletedAt", "metadata"],
    ...["remoteConfig", "status", "tunType"],
  ],
  filled: ["configSrc", "tunnelSecret"],
  create(inputs, world) {
    refuseName(inputs, world, undefined);
    return { id: world.newUuid(), props: { configSrc: "local", tunnelSecret: `secret-${world.newId()}`, ...inputs } };
  },
  update(remote, inputs, world) {
    refuseName(inputs, world, remote.id);
    return { ...remote.props, ...inputs };
  },
  delete: (remote, world) => world.forget(TUNNEL_CONFIG, remote.id),
};

function refuseName(inputs: Props, world: World, self: string | undefined): void {
  if (world.all(TUNNEL).some((other) => other.id !== self && other.props["name"] === inputs["name"]))
    throw new Refusal(409, 1013, "You already have a tunnel with this name. Please choose a different name.");
}

/** The token with which cloudflared connects: base64 of account, tunnel and secret. */
export function tunnelToken(world: World, tunnelId: string): string {
  const found = world.all(TUNNEL).find((remote) => remote.id === tunnelId);
  if (!found) throw new Refusal(404, 1003, `Tunnel ${tunnelId} not found`);
  const token = {
    a: world.accountId,
    t: tunnelId,
    s: Buffer.from(textAt(found.props, "tunnelSecret") ?? "").toString("base64"),
  };
  return Buffer.from(JSON.stringify(token)).toString("base64");
}

/** cloudflare:index/zeroTrustTunnelCloudflaredConfig:ZeroTrustTunnelCloudflaredConfig: what cloudflared forwards where. */
export const tunnelConfig: Kind = {
  importId: {
    format: "<account_id>/<tunnel_id>",
    find: ([, id], world) => world.all(TUNNEL_CONFIG).find((remote) => remote.id === id),
  },
  replaceOn: ["accountId", "tunnelId"],
  computed: ["createdAt", "version"],
  filled: ["source"],
  create(inputs, world) {
    const id = textAt(inputs, "tunnelId") ?? "";
    if (!world.all(TUNNEL).some((remote) => remote.id === id)) throw new Refusal(404, 1003, `Tunnel ${id} not found`);
    refuseIngress(inputs);
    return { id, props: { source: "cloudflare", ...inputs } };
  },
  update(remote, inputs) {
    refuseIngress(inputs);
    return { ...remote.props, ...inputs };
  },
  // It goes with its tunnel only.
  stays: true,
  delete: () => undefined,
};

/** The rules of cloudflared's ingress/ingress.go; the error code is a guess, the texts are cloudflared's. */
function refuseIngress(inputs: Props): void {
  const rules = listAt(inputs, "config.ingresses");
  const bad = (text: string) => new Refusal(400, 1056, `Bad Configuration: ${text}`);
  if (rules.length === 0) throw bad("no ingress rules");
  for (const [index, rule] of rules.entries()) {
    const hostname = textAt(rule, "hostname");
    const isLast = index === rules.length - 1;
    if (isLast && (hostname !== undefined || textAt(rule, "path") !== undefined))
      throw bad("The last ingress rule must match all URLs (i.e. it should not have a hostname or path filter)");
    if (!isLast && hostname === undefined && textAt(rule, "path") === undefined)
      throw bad(`Rule #${index + 1} is matching all URLs, so the rules after it would never be reached`);
    if (hostname?.includes(":")) throw bad(`Rule #${index + 1} has a hostname with a port`);
    if (hostname?.lastIndexOf("*") !== undefined && hostname.lastIndexOf("*") > 0)
      throw bad(`Rule #${index + 1} has a wildcard that is not at the start of the hostname`);
    refuseService(textAt(rule, "service") ?? "", index, bad);
  }
}

function refuseService(service: string, index: number, bad: (text: string) => Refusal): void {
  if (/^http_status:\d{3}$/.test(service)) return;
  if (!URL.canParse(service))
    throw bad(`Rule #${index + 1}: ${service} is an invalid address, please make sure it has a scheme and a hostname`);
  const { pathname, host } = new URL(service);
  if (!host) throw bad(`Rule #${index + 1}: ${service} has no hostname`);
  if (pathname !== "" && pathname !== "/")
    throw bad(
      `Rule #${index + 1}: ${service} is an invalid address, ingress rules don't support proxying to a different path`,
    );
}
