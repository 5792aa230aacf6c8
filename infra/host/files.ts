import type { Settings } from "../settings/settings";
import { cloudflaredFiles } from "./cloudflared";
import { composeFile } from "./compose";
import type { EdgeSecrets, HostFile } from "./file";
import { onhostFile } from "./onhost";
import { stalwartFiles } from "./stalwart/files";
import { traefikFiles } from "./traefik/files";

/**
 * Every file that is shipped to the host. What the host makes for itself (data, certificates, keys, the recovery
 * administrator) is not among them.
 */
export function hostFiles(settings: Settings, secrets: EdgeSecrets): readonly HostFile[] {
  const files = [
    ...stalwartFiles(settings),
    ...traefikFiles(settings, secrets),
    ...cloudflaredFiles(secrets),
    onhostFile(),
  ];
  return [...files, composeFile(settings, files)];
}
