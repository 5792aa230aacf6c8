import { backupFiles } from "../backup/files";
import type { Settings } from "../settings/settings";
import { cloudflaredFiles } from "./cloudflared";
import { composeFile } from "./compose";
import { corednsFiles } from "./coredns";
import type { EdgeSecrets, HostFile } from "./file";
import { bundleOnhost, onhostFile } from "./onhost";
import { stalwartFiles } from "./stalwart/files";
import { tailscaleFiles } from "./tailscale";
import { traefikFiles } from "./traefik/files";

/**
 * Every file that is shipped to the host. What the host makes for itself (data, certificates, keys, the recovery
 * administrator) is not among them.
 * @param program for the host, where it is bundled already
 */
export function hostFiles(
  settings: Settings,
  secrets: EdgeSecrets,
  program: string = bundleOnhost(),
): readonly HostFile[] {
  const files = [
    ...stalwartFiles(settings),
    ...traefikFiles(settings, secrets),
    ...cloudflaredFiles(secrets),
    ...tailscaleFiles(settings, secrets.tailnetKey),
    ...corednsFiles(settings),
    onhostFile(program),
    ...backupFiles(settings, secrets.backupKey),
  ];
  return [...files, composeFile(settings, files)];
}
