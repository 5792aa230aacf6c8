import type { Settings } from "../../settings/settings";
import type { EdgeSecrets, HostFile } from "../file";
import { yamlFile } from "../yaml-file";
import { dynamicConfiguration } from "./dynamic";
import { IN_CONTAINER, ON_HOST } from "./paths";
import { pluginFiles } from "./plugin";
import { staticConfiguration } from "./static";

/** Traefik's configuration, its plugin and the token with which it proves that the domain is ours. */
export function traefikFiles(settings: Settings, secrets: EdgeSecrets): readonly HostFile[] {
  return [
    {
      path: ON_HOST.static,
      content: yamlFile(staticConfiguration(settings)),
      mode: "0644",
      why: "What Traefik listens on, its logs, where its certificate comes from.",
      restarts: ["traefik"],
    },
    {
      path: `${ON_HOST.dynamic}/mail.yaml`,
      content: yamlFile(dynamicConfiguration(settings)),
      mode: "0644",
      why: "Who gets to Stalwart, where, and as whom.",
      restarts: [],
    },
    ...pluginFiles(),
    {
      path: `${ON_HOST.secrets}/${IN_CONTAINER.dnsToken.slice(IN_CONTAINER.secrets.length + 1)}`,
      content: secrets.acmeDnsToken,
      mode: "0600",
      why: "Lets Traefik write records of this zone, for the certificate (DNS-01).",
      restarts: ["traefik"],
    },
  ];
}
