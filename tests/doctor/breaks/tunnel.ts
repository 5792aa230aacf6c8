import { APPLICATION } from "../../../sandbox/cloud/kinds/access";
import { TUNNEL, TUNNEL_CONFIG } from "../../../sandbox/cloud/kinds/tunnel";
import type { Props } from "../../../sandbox/cloud/props";
import type { Break } from "../break";
import { alter, any, broken, found, remove } from "./account";

const UNCHECKED: readonly (readonly [what: string, change: (access: Props) => Props | undefined])[] = [
  ["does not check Access", () => undefined],
  ["checks for another application", (access) => ({ ...access, audTags: ["another"] })],
  ["checks for another team", (access) => ({ ...access, teamName: "another" })],
  ["only knows of Access", (access) => ({ ...access, required: false })],
];

export const TUNNELS: readonly Break[] = [
  broken("tunnel.exists", "is gone", /^none$/, remove(TUNNEL, any), { remedy: /--replace '\*\*tunnel'$/ }),
  broken(
    "tunnel.exists",
    "configured on the host",
    /^configured on the host$/,
    alter(TUNNEL, any, { configSrc: "local" }),
  ),
  broken(
    "tunnel.connected",
    "cloudflared is down",
    /^0 connections$/,
    (world) => {
      const before = world.tunnelConnections;
      world.tunnelConnections = () => 0;
      return () => void (world.tunnelConnections = before);
    },
    { remedy: /logs --tail 50 cloudflared/ },
  ),
  broken(
    "tunnel.connected",
    "one data centre is lost",
    /^2 connections$/,
    (world) => {
      const before = world.tunnelConnections;
      world.tunnelConnections = () => 2;
      return () => void (world.tunnelConnections = before);
    },
    { status: "warning", remedy: /cloudflared$/ },
  ),
  broken("tunnel.ingress", "a door more", /^ssh\.augustin\.ai to ssh:\/\/localhost:22$/, (world) => {
    const config = found(world, TUNNEL_CONFIG, any).props["config"] as { ingresses: readonly Props[] };
    const ingresses = [{ hostname: "ssh.augustin.ai", service: "ssh://localhost:22" }, ...config.ingresses];
    return alter(TUNNEL_CONFIG, any, { config: { ingresses } })(world);
  }),
  broken("tunnel.ingress", "in another order", /^rules are missing or in another order$/, (world) => {
    const config = found(world, TUNNEL_CONFIG, any).props["config"] as { ingresses: readonly Props[] };
    const [first = {}, second = {}, ...others] = config.ingresses;
    return alter(TUNNEL_CONFIG, any, { config: { ingresses: [second, first, ...others] } })(world);
  }),
  ...UNCHECKED.map(([what, change]) =>
    broken("tunnel.access", what, /^inbound\.augustin\.ai not checked$/, (world) => {
      const config = found(world, TUNNEL_CONFIG, any).props["config"] as { ingresses: readonly Props[] };
      const ingresses = config.ingresses.map((rule) => {
        if (rule["hostname"] !== "inbound.augustin.ai") return rule;
        const { access } = rule["originRequest"] as { access: Props };
        return { ...rule, originRequest: { access: change(access) } };
      });
      return alter(TUNNEL_CONFIG, any, { config: { ingresses } })(world);
    }),
  ),
  broken("tunnel.access", "an application was made anew", /^imap-tcp\.augustin\.ai not checked$/, (world) =>
    alter(APPLICATION, ({ domain }) => domain === "imap-tcp.augustin.ai", { aud: "another" })(world),
  ),
];
