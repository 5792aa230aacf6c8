import type { HostFile } from "../host/file";
import type { SftpLogin } from "../settings/settings";

/*
 * restic starts `ssh` for an SFTP repository: OpenSSH's client, which its image has (docker/Dockerfile.release of restic 0.18.1:
 * `apk add ca-certificates fuse openssh-client tzdata jq`). It finds everything below /apps, where it sees the apps folder.
 */

const CONFIG = "backup/ssh/config";
const KNOWN_HOSTS = "backup/ssh/known-hosts";
const PRIVATE_KEY = "backup/secrets/ssh-key";

/** Under this name the storage's keys are known, whatever address and port it is reached by. */
const STORAGE = "backup-storage";

/** Until it answers, and between two signs of life. After six without an answer the run ends and is told (210 s, measured). */
const CONNECT_SECONDS = 30;
const ALIVE_SECONDS = 30;
const ALIVE_COUNT = 6;

/** The only way to pass restic its options: they have no variables. Commands come behind it. */
export const RESTIC_OVER_SSH = ["/usr/bin/restic", "-o", `sftp.args=-F /apps/${CONFIG} -E /cache/ssh.log`] as const;

/** What the container has as /etc/passwd; host/restic.sh writes it, because only the host knows its user's number. */
export const USER_FILE = "backup/state/passwd";

/** What ssh needs on the host. */
export function sftpFiles({ privateKey, hostKeys }: SftpLogin): readonly HostFile[] {
  const file = (path: string, content: string, mode: HostFile["mode"], why: string): HostFile => ({
    path,
    content,
    mode,
    why,
    restarts: [],
  });
  return [
    file(PRIVATE_KEY, privateKey.reveal(), "0600", "The login to the backups' storage."),
    file(KNOWN_HOSTS, hostKeys.map((key) => `${STORAGE} ${key}\n`).join(""), "0600", "The storage's own keys."),
    file(CONFIG, sshConfig(), "0600", "How restic's ssh reaches the storage."),
  ];
}

/** ssh_config(5). With `-F` no other configuration is read. */
function sshConfig(): string {
  return `Host *
  IdentityFile /apps/${PRIVATE_KEY}
  IdentitiesOnly yes
  IdentityAgent none
  PreferredAuthentications publickey
  BatchMode yes
  HostKeyAlias ${STORAGE}
  UserKnownHostsFile /apps/${KNOWN_HOSTS}
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  UpdateHostKeys no
  ConnectTimeout ${CONNECT_SECONDS}
  ServerAliveInterval ${ALIVE_SECONDS}
  ServerAliveCountMax ${ALIVE_COUNT}
`;
}
