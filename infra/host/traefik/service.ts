import { health, lockedDown, LOW_PORTS, readOnly, writable } from "../compose-service";
import type { Service } from "../compose-type";
import { imageReference, IMAGES } from "../images";
import type { Addresses } from "../layout";
import { IN_CONTAINER, ON_HOST } from "./paths";

/** Every client that waits for mail holds two. */
const OPEN_FILES = 16_384;

/** Traefik without the engine's socket: all it must know is in its files. */
export function traefikService(addresses: Addresses): Service {
  return {
    image: imageReference(IMAGES.traefik),
    command: ["traefik"],
    working_dir: "/",
    sysctls: LOW_PORTS,
    environment: { CF_DNS_API_TOKEN_FILE: IN_CONTAINER.dnsToken },
    volumes: [
      readOnly(ON_HOST.static, IN_CONTAINER.static),
      readOnly(ON_HOST.dynamic, IN_CONTAINER.dynamic),
      readOnly(ON_HOST.plugins, IN_CONTAINER.plugins),
      readOnly(ON_HOST.secrets, IN_CONTAINER.secrets),
      writable(ON_HOST.acme, IN_CONTAINER.acmeFolder),
    ],
    networks: {
      edge: { ipv4_address: addresses.edge.traefik },
      mail: { ipv4_address: addresses.mail.traefik },
    },
    // It reads the same file as the server and asks the entry point that is named there.
    healthcheck: health(15, "traefik", "healthcheck"),
    ulimits: { nofile: { soft: OPEN_FILES, hard: OPEN_FILES } },
    mem_limit: "256m",
    pids_limit: 256,
    restart: "unless-stopped",
    stop_grace_period: "15s",
    ...lockedDown(),
  };
}
