import { ARRIVALS_PORT, FILES } from "../../onhost/src/deployment";
import type { Settings } from "../settings/settings";
import { health, lockedDown, LOW_PORTS, readOnly, writable } from "./compose-service";
import type { BindMount, Service } from "./compose-type";
import { imageReference, IMAGES } from "./images";
import { type Addresses, STALWART_PORTS, TAILNET_FOLDERS } from "./layout";

/** By name: only Docker's resolver knows it, and only on the network `mail`. */
const STALWART_URL = `http://stalwart:${STALWART_PORTS.http}`;
/** Environment files. Those of the recovery administrator are minted on the host and never leave it. */
const ENVIRONMENT = {
  /** `RESEND_API_KEY`. */
  relay: "../stalwart/secrets/resend.env",
  /** `STALWART_RECOVERY_ADMIN=admin:…`. */
  recoveryAdmin: "../stalwart/secrets/recovery-admin.env",
  /** `STALWART_USER=admin` and `STALWART_PASSWORD=…`, the same login as stalwart-cli wants it. */
  commandLine: "../stalwart/secrets/stalwart-cli.env",
} as const;
/** The apps folder as our program sees it, with the same paths below as on the host. */
const APPS = "/apps";
const PROGRAM = `${APPS}/onhost/onhost.cjs`;
/** RocksDB keeps many files open. */
const OPEN_FILES = 65_536;

/** The mail server. It alone writes stalwart/data. */
export function stalwartService(settings: Settings, addresses: Addresses): Service {
  return {
    image: imageReference(IMAGES.stalwart),
    // Its node id and its default EHLO name follow from it.
    hostname: "stalwart",
    // The image's binary has this file capability: without it in the bounding set the kernel refuses to start it.
    cap_add: ["NET_BIND_SERVICE"],
    sysctls: LOW_PORTS,
    environment: { STALWART_PUBLIC_URL: `https://${settings.hostnames.server}` },
    env_file: [ENVIRONMENT.relay, ENVIRONMENT.recoveryAdmin],
    volumes: [
      readOnly("stalwart/config.json", "/etc/stalwart/config.json"),
      readOnly("stalwart/tls", "/etc/stalwart/tls"),
      writable("stalwart/data", "/var/lib/stalwart"),
    ],
    networks: { mail: { ipv4_address: addresses.mail.stalwart } },
    // Started, not healthy: whatever hinders the certificate must not hinder mail.
    depends_on: { certificates: { condition: "service_started" } },
    healthcheck: health(
      60,
      "curl",
      "--fail",
      "--silent",
      "--show-error",
      "--output",
      "/dev/null",
      // Checks count against the anonymous limit of the address they come from; this one is never limited nor banned.
      "--header",
      "X-Forwarded-For: 127.0.0.1",
      `http://127.0.0.1:${STALWART_PORTS.http}/healthz/live`,
    ),
    ulimits: { nofile: { soft: OPEN_FILES, hard: OPEN_FILES } },
    mem_limit: "1g",
    pids_limit: 512,
    restart: "unless-stopped",
    // It ends within 3 s; a store that still writes gets the time.
    stop_grace_period: "60s",
    // Until the plan is applied Stalwart logs into a file.
    ...lockedDown("/var/log/stalwart"),
  };
}

/** Takes the certificate out of Traefik's ACME storage, gives it to Stalwart and tells it. */
export function certificatesService(): Service {
  return {
    ...program(),
    command: ["node", PROGRAM, "certificates", "--watch"],
    volumes: [
      inApps(readOnly, "onhost"),
      inApps(readOnly, "traefik/acme"),
      inApps(readOnly, "stalwart/plan"),
      inApps(readOnly, "stalwart/secrets"),
      inApps(writable, "stalwart/tls"),
    ],
    healthcheck: health(60, "test", "-s", `${APPS}/stalwart/tls/fullchain.pem`),
    restart: "unless-stopped",
  };
}

/**
 * Tells the Worker whether a message has arrived, and nothing else. It reads mail with the recovery administrator's login, as
 * the export does; the Worker gets a key that is valid for this question only.
 */
export function arrivalsService(addresses: Addresses): Service {
  return {
    ...program(),
    command: ["node", PROGRAM, "arrivals"],
    volumes: [
      inApps(readOnly, "onhost"),
      // It gets this secret only, because the Worker's requests reach this service.
      inApps(readOnly, FILES.recoveryAdmin),
      inApps(readOnly, FILES.arrivalsKeys),
    ],
    networks: { mail: { ipv4_address: addresses.mail.arrivals } },
    // BusyBox is in the image.
    healthcheck: health(15, "wget", "-q", "-O", "/dev/null", `http://127.0.0.1:${ARRIVALS_PORT}/health`),
    restart: "unless-stopped",
  };
}

/** Asks the tailnet's sidecar for the machine's address and writes it into CoreDNS' zone, also when it becomes another. */
export function zoneService(): Service {
  return {
    ...programAlone(),
    command: ["node", PROGRAM, "zone", "--watch"],
    volumes: [
      inApps(readOnly, "onhost"),
      inApps(readOnly, "stalwart/plan"),
      inApps(readOnly, TAILNET_FOLDERS.run),
      inApps(writable, TAILNET_FOLDERS.zone),
    ],
    // It speaks over the sidecar's socket only.
    network_mode: "none",
    healthcheck: health(60, "test", "-s", `${APPS}/${FILES.zone}`),
    restart: "unless-stopped",
  };
}

/** Our own program beside Stalwart; what it does is told by its arguments. */
export function onhostService(hasTailnet: boolean): Service {
  return {
    ...program(),
    profiles: ["tools"],
    entrypoint: ["node", PROGRAM],
    volumes: [
      inApps(readOnly, "onhost"),
      inApps(readOnly, "traefik/acme"),
      inApps(readOnly, "stalwart/plan"),
      inApps(readOnly, "stalwart/secrets"),
      inApps(writable, "stalwart/keys"),
      inApps(writable, FILES.arrivalsKeys),
      inApps(writable, "stalwart/tls"),
      ...(hasTailnet ? [inApps(readOnly, TAILNET_FOLDERS.run)] : []),
    ],
    restart: "no",
  };
}

/** Brings the export of all mail up to date. */
export function exportService(): Service {
  return {
    ...program(),
    profiles: ["tools"],
    entrypoint: ["node", PROGRAM, "export"],
    volumes: [
      inApps(readOnly, "onhost"),
      inApps(readOnly, "stalwart/plan"),
      inApps(readOnly, "stalwart/secrets"),
      inApps(writable, "stalwart/data/export"),
    ],
    mem_limit: "512m",
    restart: "no",
  };
}

/** Stalwart's own command line: applies the plan. */
export function stalwartCliService(): Service {
  return {
    image: imageReference(IMAGES["stalwart-cli"]),
    profiles: ["tools"],
    init: true,
    // It keeps the server's schema below its home.
    environment: { STALWART_URL, HOME: "/tmp" },
    env_file: [ENVIRONMENT.commandLine],
    volumes: [readOnly("stalwart/plan", "/plan")],
    networks: { mail: {} },
    mem_limit: "256m",
    pids_limit: 64,
    restart: "no",
    ...lockedDown(),
  };
}

function inApps(mount: typeof readOnly, path: string): BindMount {
  return mount(path, `${APPS}/${path}`);
}

/** Beside Stalwart. */
function program() {
  return { ...programAlone(), environment: { STALWART_URL }, networks: { mail: {} } } as const;
}

function programAlone() {
  return {
    image: imageReference(IMAGES.node),
    // Node as the first process of a container does not end at SIGTERM.
    init: true,
    mem_limit: "192m",
    pids_limit: 64,
    ...lockedDown(),
  } as const;
}
