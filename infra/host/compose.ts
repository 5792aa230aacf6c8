import { createHash } from "node:crypto";

import { resticService } from "../backup/compose";
import type { Settings } from "../settings/settings";
import { cloudflaredService } from "./cloudflared";
import {
  arrivalsService,
  certificatesService,
  exportService,
  onhostService,
  stalwartCliService,
  stalwartService,
  zoneService,
} from "./compose-mail";
import type { ComposeNetwork, ComposeProject, Service } from "./compose-type";
import { corednsService, hasResolver } from "./coredns";
import type { HostFile } from "./file";
import {
  addresses,
  COMPOSE_FOLDER,
  COMPOSE_PROJECT,
  type Network,
  SERVICES,
  type ServiceName,
  TAILNET_SERVICES,
} from "./layout";
import { tailscaleService } from "./tailscale";
import { traefikService } from "./traefik/service";
import { yamlFile } from "./yaml-file";

/** Names what a container has read at its start: compose makes it anew when the value is another one. */
export const FILES_LABEL = "mail-stack.files";

/**
 * The compose file for the settings, whose labels name `files`, all that is shipped beside it. Nothing is published: what
 * comes in comes through the tunnels.
 */
export function composeFile(settings: Settings, files: readonly HostFile[]): HostFile {
  return {
    path: `${COMPOSE_FOLDER}/compose.yaml`,
    content: yamlFile(composeProject(settings, files)),
    // Its labels are digests of secret files.
    mode: "0600",
    why: "The services, their networks, limits and health checks.",
    restarts: [],
  };
}

/** See {@link composeFile}. */
export function composeProject(settings: Settings, files: readonly HostFile[]): ComposeProject {
  const at = addresses(settings.host.subnet);
  const { tailnet } = settings;
  const services: Partial<Record<ServiceName, Service>> = {
    stalwart: stalwartService(settings, at),
    traefik: traefikService(at),
    cloudflared: cloudflaredService(at),
    certificates: certificatesService(),
    arrivals: arrivalsService(at),
    ...(tailnet && { tailscale: tailscaleService(tailnet, at) }),
    ...(hasResolver(settings) && { zone: zoneService(), coredns: corednsService() }),
  };
  return {
    name: COMPOSE_PROJECT,
    services: {
      ...Object.fromEntries(
        [...SERVICES, ...TAILNET_SERVICES].flatMap((name) => {
          const service = services[name];
          return service === undefined ? [] : [[name, labelled(service, filesDigest(name, files))]];
        }),
      ),
      "stalwart-cli": stalwartCliService(),
      onhost: onhostService(tailnet !== undefined),
      ...(settings.backup && { export: exportService(), restic: resticService(settings) }),
    },
    networks: { edge: network(at.edge), mail: network(at.mail) },
  };
}

/**
 * SHA-256 over path, mode and content of the files that `service` reads only at its start, in the order of their paths.
 */
export function filesDigest(service: ServiceName, files: readonly HostFile[]): string {
  const read = files
    .filter(({ restarts }) => restarts.includes(service))
    .map(({ path, mode, content }) => [path, mode, content])
    .sort(([left = ""], [right = ""]) => (left < right ? -1 : 1));
  return createHash("sha256").update(JSON.stringify(read)).digest("hex");
}

function labelled(service: Service, digest: string): Service {
  return { ...service, labels: { [FILES_LABEL]: digest } };
}

function network({ subnet, gateway, dynamic }: Network): ComposeNetwork {
  return { driver: "bridge", ipam: { config: [{ subnet, gateway, ip_range: dynamic }] } };
}
