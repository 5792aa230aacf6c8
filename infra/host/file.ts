import type { BackupKey } from "../backup/bucket";
import type { ServiceName } from "./layout";

/** One file as it lies on the host. Whoever may read the folder may read it, unless its mode says otherwise. */
export interface HostFile {
  /** Relative to the apps folder, with `/`: `stalwart/config.json`. */
  readonly path: string;
  readonly content: string;
  /** `0600` for everything that holds a secret. */
  readonly mode: "0644" | "0600" | "0755";
  /** What it is for, one sentence; the reference of the host shows it. */
  readonly why: string;
  /** Services that read it only when they start: they are made anew when it changes. Empty for files that are watched. */
  readonly restarts: readonly ServiceName[];
}

/** What the files need beside the settings; known only once the edge exists. */
export interface EdgeSecrets {
  /** What cloudflared connects with. */
  readonly tunnelToken: string;
  /** A Cloudflare API token that may edit the records of the mail domain's zone, and nothing else. */
  readonly acmeDnsToken: string;
  /** The login to the backups' bucket, where it is ours. */
  readonly backupKey?: BackupKey | undefined;
  /** What the host joins the tailnet with, when there is one. */
  readonly tailnetKey?: string | undefined;
}
