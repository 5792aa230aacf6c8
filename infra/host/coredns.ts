import { FILES } from "../../onhost/src/deployment";
import type { Settings } from "../settings/settings";
import { lockedDown, readOnly } from "./compose-service";
import type { Service } from "./compose-type";
import type { HostFile } from "./file";
import { imageReference, IMAGES } from "./images";
import { TAILNET_FOLDERS } from "./layout";

const COREFILE = { host: "coredns/Corefile", container: "/etc/coredns/Corefile" } as const;
const ZONE_FOLDER = "/zone";
/** How soon a new address is served; CoreDNS looks whether the zone's serial is another one. */
const RELOAD = "5s";

/** Whether the tailnet resolves the server's name by the host. */
export function hasResolver({ tailnet }: Settings): boolean {
  return tailnet?.mode === "split-dns";
}

/** CoreDNS' configuration. None when the tailnet does not resolve names. */
export function corednsFiles(settings: Settings): readonly HostFile[] {
  if (!hasResolver(settings)) return [];
  return [
    {
      path: COREFILE.host,
      content: corefile(settings.hostnames.server),
      mode: "0644",
      why: "The resolver of the tailnet: answers for the server's name and for nothing else.",
      restarts: ["coredns"],
    },
  ];
}

/**
 * One zone, which is the server's name: what the zone file does not have is answered with no data (AAAA, HTTPS) and what is
 * outside of it is refused. It listens on loopback only, where tailscaled hands it the tailnet's queries.
 */
export function corefile(name: string): string {
  const zone = FILES.zone.slice(FILES.zone.lastIndexOf("/") + 1);
  return `# Written by mail-stack; the next \`pulumi up\` that changes it overwrites changes made here.
${name}:53 {
    bind 127.0.0.1
    file ${ZONE_FOLDER}/${zone} {
        reload ${RELOAD}
    }
    errors
}
`;
}

/** In the network namespace of the sidecar. Its image has nothing but the program, so no health check can run in it. */
export function corednsService(): Service {
  return {
    image: imageReference(IMAGES.coredns),
    command: ["-conf", COREFILE.container],
    // The image's binary has this file capability: without it in the bounding set the kernel refuses to start it.
    cap_add: ["NET_BIND_SERVICE"],
    volumes: [readOnly(COREFILE.host, COREFILE.container), readOnly(TAILNET_FOLDERS.zone, ZONE_FOLDER)],
    network_mode: "service:tailscale",
    depends_on: { tailscale: { condition: "service_started" } },
    mem_limit: "128m",
    pids_limit: 64,
    restart: "unless-stopped",
    ...lockedDown(),
  };
}
