import { health, lockedDown, LOW_PORTS } from "../host/compose-service";
import { imageReference, IMAGES } from "../host/images";
import { STALWART_PORTS } from "../host/layout";

/** The restored snapshot, seen from the drill's compose file. */
const RESTORED = "../restore/drill";
const PROGRAM = "/onhost/onhost.cjs";

/**
 * A compose project of its own: Stalwart on the restored data without any network, and our program that looks at it
 * through Stalwart's own loopback. Nothing of it can send or take mail.
 */
export function drillProject(): object {
  const mount = (source: string, target: string, isReadOnly: boolean) => ({
    type: "bind",
    source,
    target,
    read_only: isReadOnly,
    bind: { create_host_path: false },
  });
  const program = {
    image: imageReference(IMAGES.node),
    profiles: ["tools"],
    init: true,
    entrypoint: ["node", PROGRAM],
    environment: { ONHOST_ROOT: "/apps", STALWART_URL: `http://127.0.0.1:${STALWART_PORTS.http}` },
    volumes: [
      mount("../../onhost", "/onhost", true),
      mount(`${RESTORED}/apps`, "/apps", true),
      mount(`${RESTORED}/export`, "/export", true),
    ],
    mem_limit: "512m",
    pids_limit: 64,
    restart: "no",
    ...lockedDown(),
  };
  return {
    name: "mail-stack-drill",
    services: {
      stalwart: {
        image: imageReference(IMAGES.stalwart),
        hostname: "stalwart",
        network_mode: "none",
        cap_add: ["NET_BIND_SERVICE"],
        sysctls: LOW_PORTS,
        // Those of the snapshot: its login is the one that its store knows.
        env_file: [
          `${RESTORED}/apps/stalwart/secrets/resend.env`,
          `${RESTORED}/apps/stalwart/secrets/recovery-admin.env`,
        ],
        volumes: [
          mount(`${RESTORED}/apps/stalwart/config.json`, "/etc/stalwart/config.json", true),
          mount(`${RESTORED}/apps/stalwart/tls`, "/etc/stalwart/tls", true),
          mount(`${RESTORED}/stalwart-data`, "/var/lib/stalwart", false),
        ],
        healthcheck: health(
          60,
          ...["curl", "--fail", "--silent", "--output", "/dev/null"],
          `http://127.0.0.1:${STALWART_PORTS.http}/healthz/live`,
        ),
        mem_limit: "1g",
        pids_limit: 512,
        restart: "no",
        ...lockedDown("/var/log/stalwart"),
      },
      check: { ...program, network_mode: "none" },
      compare: { ...program, network_mode: "service:stalwart" },
    },
  };
}
