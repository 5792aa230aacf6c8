import { health, lockedDown, readOnly } from "./compose-service";
import type { Service } from "./compose-type";
import type { EdgeSecrets, HostFile } from "./file";
import { imageReference, IMAGES } from "./images";
import type { Addresses } from "./layout";

const TOKEN = { host: "cloudflared/token", container: "/run/secrets/tunnel-token" } as const;
/** In the container only: the health check asks there whether a connection to Cloudflare stands. */
const METRICS = "127.0.0.1:20241";

/** The tunnel's token, the only thing that cloudflared needs on the host: its rules come from Cloudflare. */
export function cloudflaredFiles(secrets: EdgeSecrets): readonly HostFile[] {
  return [
    {
      path: TOKEN.host,
      content: secrets.tunnelToken,
      mode: "0600",
      why: "What cloudflared shows to Cloudflare; who has it can take the tunnel over.",
      restarts: ["cloudflared"],
    },
  ];
}

/** The token comes as a file: neither `docker inspect` nor a process list shows it. */
export function cloudflaredService(addresses: Addresses): Service {
  return {
    image: imageReference(IMAGES.cloudflared),
    command: ["tunnel", "--metrics", METRICS, "run"],
    environment: { TUNNEL_TOKEN_FILE: TOKEN.container },
    volumes: [readOnly(TOKEN.host, TOKEN.container)],
    networks: { edge: { ipv4_address: addresses.edge.cloudflared } },
    // Traefik answers its own health check without Stalwart and without a certificate.
    depends_on: { traefik: { condition: "service_healthy" } },
    healthcheck: health(30, "cloudflared", "tunnel", "--metrics", METRICS, "ready"),
    mem_limit: "256m",
    pids_limit: 128,
    restart: "unless-stopped",
    // It lets requests finish for 30 s.
    stop_grace_period: "35s",
    ...lockedDown(),
  };
}
