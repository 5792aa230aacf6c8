import type { BindMount, HealthCheck, Service } from "./compose-type";

/** The host's user owns every file, so that it can back all of it up without root; `.env` beside the compose file. */
const USER = "${MAIL_UID:?.env beside compose.yaml is missing}:${MAIL_GID:?.env beside compose.yaml is missing}";
/** Per service, then the engine throws the oldest away. */
const LOG_FILE = "10m";
const LOG_FILES = "5";
const SCRATCH_MIB = 64;

/** What holds for every service, whatever it does. `scratch`: folders that are writable, empty at each start. */
export function lockedDown(...scratch: readonly string[]) {
  return {
    user: USER,
    read_only: true,
    tmpfs: ["/tmp", ...scratch].map((path) => `${path}:mode=1777,size=${SCRATCH_MIB}m`),
    cap_drop: ["ALL"],
    security_opt: ["no-new-privileges:true"],
    logging: { driver: "local", options: { "max-size": LOG_FILE, "max-file": LOG_FILES } },
  } as const satisfies Partial<Service>;
}

/** Docker's default already, but not Podman's nor that of a host with other settings: no service runs as root. */
export const LOW_PORTS = { "net.ipv4.ip_unprivileged_port_start": "0" } as const;

/** `source` as in {@link HostFile.path}; "" is the apps folder itself. */
export function readOnly(source: string, target: string): BindMount {
  return mount(source, target, true);
}

/** `source` as in {@link HostFile.path}. */
export function writable(source: string, target: string): BindMount {
  return mount(source, target, false);
}

/**
 * A check that is asked every 10 s. Failures count only after `startSeconds`; six in a row, a minute, make the service
 * unhealthy.
 */
export function health(startSeconds: number, ...command: readonly string[]): HealthCheck {
  return { test: ["CMD", ...command], interval: "10s", timeout: "5s", retries: 6, start_period: `${startSeconds}s` };
}

function mount(source: string, target: string, isReadOnly: boolean): BindMount {
  return {
    type: "bind",
    source: source === "" ? ".." : `../${source}`,
    target,
    read_only: isReadOnly,
    bind: { create_host_path: false },
  };
}
