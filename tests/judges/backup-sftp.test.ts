import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { join } from "node:path";

import { Secret } from "../../infra/settings/secret";
import type { BackupSettings, SftpLogin } from "../../infra/settings/settings";
import { type TemporaryFolder, temporaryFolder } from "../../sandbox/temporary";
import { isBuilt } from "../../tools/go-tool";
import { REQUIRE_ALL } from "../needs";
import { type BackupHost, CAN_MOUNT, mail, startBackupHost } from "./backup/host";
import { type RepositoryServer, startCable, startSftpServer } from "./backup/servers";
import { makeKey, SSHD, SSHD_INSTALL } from "./ssh/sshd";

jest.setTimeout(60_000);

const hasAll = REQUIRE_ALL || (isBuilt("restic") && CAN_MOUNT && existsSync(SSHD));
if (!hasAll) process.stderr.write(`skipped: backups over SFTP need root, restic and OpenSSH's server. ${SSHD_INSTALL}\n`);

/** A user of the host that no image knows. */
const USER = 4711;

(hasAll ? describe : describe.skip)("mail-backup against OpenSSH's SFTP server", () => {
  let folder: TemporaryFolder;
  let server: RepositoryServer;
  let cable: Awaited<ReturnType<typeof startCable>>;
  let host: BackupHost;
  beforeAll(async () => {
    folder = temporaryFolder();
    server = await startSftpServer(folder.path);
    cable = await startCable(server.port);
    host = await startBackupHost(server, "i3", join(folder.path, "chain.pem"), cable.port);
    writeFileSync(join(host.apps, "mail-stack/.env"), `MAIL_UID=${USER}\nMAIL_GID=${USER}\n`);
    for (const name of ["000001.sst", "MANIFEST-1", "CURRENT"]) mail(host.apps, name);
    mkdirSync(join(host.apps, "stalwart/data/export/accounts"), { recursive: true });
    writeFileSync(join(host.apps, "stalwart/data/export/manifest.json"), "{}");
  });
  afterAll(() => {
    host.close();
    cable.stop();
    server.stop();
    folder.remove();
  });

  it("makes the repository once, then backs up", async () => {
    const { code, stderr } = await host.run("backup");
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringContaining("created restic repository") as unknown,
    });
    expect(host.posts()).toEqual(["/beat/start ", "/beat "]);
  });
});
