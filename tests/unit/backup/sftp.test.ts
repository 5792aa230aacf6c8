import { resticService } from "../../../infra/backup/compose";
import { backupFiles } from "../../../infra/backup/files";
import { textsToHide } from "../../../infra/host/ship/secrets";
import { Secret } from "../../../infra/settings/secret";
import { documented } from "../host/fixtures";
import { backupSettings } from "./fixtures";

const KEY =
  "-----BEGIN OPENSSH PRIVATE KEY-----\nline-one-of-key\nline-two-of-key\n-----END OPENSSH PRIVATE KEY-----\n";
const sftp = { privateKey: new Secret(KEY), hostKeys: ["ssh-ed25519 AAAA", "ssh-rsa BBBB"] };
const target = {
  kind: "repository",
  url: new Secret("sftp://u@storage.example.org//mail"),
  environment: new Secret(""),
} as const;
const OVER_SSH = documented({ backup: backupSettings({ target: { ...target, sftp } }) });
const OTHERWISE = documented({
  backup: backupSettings({ target: { ...target, url: new Secret("rest:https://x.example/"), sftp: undefined } }),
});

describe("backups over SFTP", () => {
  it("ship the login, the storage's keys and ssh's configuration, for the host's user alone", () => {
    const files = backupFiles(OVER_SSH, undefined).filter(({ path }) => path.includes("ssh"));
    expect(files.map(({ path, mode }) => [path, mode])).toEqual([
      ["backup/secrets/ssh-key", "0600"],
      ["backup/ssh/known-hosts", "0600"],
      ["backup/ssh/config", "0600"],
    ]);
    expect(files[0]?.content).toBe(KEY);
    expect(files[1]?.content).toBe("backup-storage ssh-ed25519 AAAA\nbackup-storage ssh-rsa BBBB\n");
    expect(files[2]?.content).toContain("  StrictHostKeyChecking yes\n");
  });

  it("are the only ones that start restic with options and give it a file of users", () => {
    const { entrypoint, volumes } = resticService(OVER_SSH);
    expect(entrypoint).toEqual(["/usr/bin/restic", "-o", "sftp.args=-F /apps/backup/ssh/config -E /cache/ssh.log"]);
    expect(volumes.at(-1)).toMatchObject({
      source: "../backup/state/passwd",
      target: "/etc/passwd",
      read_only: true,
    });
    const other = resticService(OTHERWISE);
    expect([other.entrypoint, other.volumes.length]).toEqual([undefined, volumes.length - 1]);
    expect(backupFiles(OTHERWISE, undefined).filter(({ path }) => path.includes("ssh"))).toEqual([]);
  });

  it("have a key that no error repeats", () => {
    const hidden = textsToHide(OVER_SSH, { tunnelToken: "", acmeDnsToken: "" });
    expect(hidden).toEqual(expect.arrayContaining(["line-one-of-key", "line-two-of-key", target.url.reveal()]));
  });
});
