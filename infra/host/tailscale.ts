import type { Settings, TailnetSettings } from "../settings/settings";
import { health, lockedDown, LOW_PORTS, readOnly, writable } from "./compose-service";
import type { Service } from "./compose-type";
import type { HostFile } from "./file";
import { imageReference, IMAGES } from "./images";
import { type Addresses, addresses, TAILNET_FOLDERS, TAILNET_PORTS, TRAEFIK_PORTS } from "./layout";

const ON_HOST = { key: "tailscale/secrets/authkey", serve: "tailscale/config" } as const;
const IN_CONTAINER = {
  key: "/run/secrets/authkey",
  /** A folder: containerboot watches it, and a file that is replaced stays the old one inside the container. */
  config: "/tailscale/config",
  state: "/tailscale/state",
  run: "/tailscale/run",
  socket: "/tailscale/run/tailscaled.sock",
} as const;
const SERVE_FILE = "serve.json";

/** A part of `ipn.ServeConfig` (tailscale.com v1.96, ipn/serve.go); not the format of `tailscale serve set-config`. */
export interface ServeConfig {
  readonly TCP: Readonly<Record<string, { readonly TCPForward: string; readonly ProxyProtocol: 2 }>>;
}

/**
 * What the tailnet's machine does with connections: bytes go to Traefik's entry points as they come, behind a PROXY header
 * that names the client. TLS ends in Stalwart or Traefik.
 */
export function serveConfig({ edge }: Addresses): ServeConfig {
  const handlers = TAILNET_PORTS.map(
    (name) =>
      [
        String(TRAEFIK_PORTS[name]),
        { TCPForward: `${edge.traefik}:${TRAEFIK_PORTS[name]}`, ProxyProtocol: 2 },
      ] as const,
  );
  return { TCP: Object.fromEntries(handlers) };
}

/** What the sidecar joins the tailnet with, and what it forwards. None when there is no tailnet. */
export function tailscaleFiles(settings: Settings, key: string | undefined): readonly HostFile[] {
  if (settings.tailnet === undefined) return [];
  if (key === undefined) throw new Error("There is a tailnet and no key to join it with.");
  return [
    {
      path: ON_HOST.key,
      content: key,
      mode: "0600",
      why: "What the host joins the tailnet with, once; afterwards tailscale/state is its identity.",
      restarts: ["tailscale"],
    },
    {
      path: `${ON_HOST.serve}/${SERVE_FILE}`,
      content: `${JSON.stringify(serveConfig(addresses(settings.host.subnet)), undefined, 2)}\n`,
      mode: "0644",
      why: "Which ports of the tailnet's machine lead to Traefik.",
      restarts: [],
    },
  ];
}

/**
 * A machine of the tailnet without a network device and without privileges: tailscaled has a network stack of its own. It
 * hands UDP and TCP that nothing is configured for to 127.0.0.1 of the same network namespace, where CoreDNS listens.
 */
export function tailscaleService(tailnet: TailnetSettings, addresses: Addresses): Service {
  return {
    image: imageReference(IMAGES.tailscale),
    // For CoreDNS, which shares the network namespace and cannot set it itself.
    sysctls: LOW_PORTS,
    environment: {
      TS_AUTHKEY: `file:${IN_CONTAINER.key}`,
      // A key works once: with a state it is not shown again.
      TS_AUTH_ONCE: "true",
      TS_HOSTNAME: tailnet.hostname,
      // Another key is another machine, which joins anew.
      TS_STATE_DIR: `${IN_CONTAINER.state}/${tailnet.keyNumber}`,
      TS_SOCKET: IN_CONTAINER.socket,
      TS_SERVE_CONFIG: `${IN_CONTAINER.config}/${SERVE_FILE}`,
      TS_USERSPACE: "true",
      // Otherwise tailscaled sends its log to the vendor.
      TS_NO_LOGS_NO_SUPPORT: "true",
    },
    volumes: [
      readOnly(ON_HOST.key, IN_CONTAINER.key),
      readOnly(ON_HOST.serve, IN_CONTAINER.config),
      writable(TAILNET_FOLDERS.state, IN_CONTAINER.state),
      writable(TAILNET_FOLDERS.run, IN_CONTAINER.run),
    ],
    networks: { edge: { ipv4_address: addresses.edge.tailscale } },
    // It has an address once it has joined.
    healthcheck: health(60, "tailscale", `--socket=${IN_CONTAINER.socket}`, "ip", "-4"),
    mem_limit: "256m",
    pids_limit: 128,
    restart: "unless-stopped",
    stop_grace_period: "10s",
    ...lockedDown(),
  };
}
