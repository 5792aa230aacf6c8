import { readFileSync } from "node:fs";
import { join } from "node:path";

import type { HostFile } from "../file";
import { ON_HOST } from "./paths";

/** What middlewares call the plugin. */
export const PLUGIN = "clientaddress";
/** Its folder below `plugins-local/src`, and its import path. */
export const PLUGIN_MODULE = "mail-stack/clientaddress";

/** The sources of our Traefik plugin; Traefik interprets them when it starts. */
export function pluginFiles(): readonly HostFile[] {
  return [
    plugin(".traefik.yml", "Tells Traefik what the plugin beside it is."),
    plugin("clientaddress.go", "Traefik plugin: the client's address is the one that Cloudflare's edge names."),
  ];
}

function plugin(name: string, why: string): HostFile {
  return {
    path: `${ON_HOST.plugins}/src/${PLUGIN_MODULE}/${name}`,
    content: readFileSync(join(__dirname, "plugin", name), "utf8"),
    mode: "0644",
    why,
    restarts: ["traefik"],
  };
}
