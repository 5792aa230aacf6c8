import { existsSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";

import { S3_BUCKET } from "../../sandbox/cloud/kinds/s3";
import { up, upAgain } from "../../sandbox/converge";
import { sshKeyPair } from "../../sandbox/host/ssh-key";
import { deliver } from "../../sandbox/send";
import { type StandIns, standIns } from "../../sandbox/stand-ins";
import { describeEngine } from "./describe";
import { ENGINE_TIMEOUT_MS, type Lab, newLab, upElsewhere } from "./lab";

const ROOT = "root@augustin.ai";
const BUCKET = "augustin-backups";
const REPOSITORY = "rest:https://somebody:a-login@backups.example.org/i3/";
const OVER_SSH = "sftp://u1@storage.example.org:23//home/mail";

function withRepository(): StandIns {
  const invented = standIns("prod", { backup: "repository" });
  return { ...invented, secrets: { ...invented.secrets, backupRepository: REPOSITORY } };
}

let sent = 0;
async function deliverOne(lab: Lab): Promise<void> {
  sent += 1;
  const message = `From: a@sender.example\r\nMessage-ID: <backup-${sent}@sender.example>\r\n\r\nMessage ${sent}\r\n`;
  expect((await deliver(lab.outside, ROOT, ROOT, Buffer.from(message))).reply).toMatch(/^250 /);
}

/** Ends the lab, whatever happens. */
async function inLab(invented: StandIns, use: (lab: Lab) => Promise<void>): Promise<void> {
  const lab = await newLab(undefined, invented);
  try {
    await use(lab);
  } finally {
    await lab.close();
  }
}

describeEngine("backups", () => {
  test(
    "into a repository elsewhere, also over SSH: nothing of AWS, not even its provider, and the host knows the repository",
    () =>
      inLab(withRepository(), async (lab) => {
        lab.outside.publishDs((await up(lab.stack)).dnssecDs);
        const state = readFileSync(lab.stateFile, "utf8");
        expect(state).toContain("host-files");
        expect(state).not.toMatch(/pulumi:providers:aws|::aws:|backup-bucket/);
        expect(state).not.toContain("a-login");
        const apps = join(lab.outside.host.folder, "apps");
        expect(readFileSync(join(apps, "backup/secrets/restic.env"), "utf8")).toBe(`RESTIC_REPOSITORY=${REPOSITORY}\n`);

        // The same, moved to a storage that is reached by SSH.
        const login = sshKeyPair();
        const storage = sshKeyPair().public;
        await lab.stack.setConfig("mail:backupRepository", { value: OVER_SSH, secret: true });
        await lab.stack.setConfig("mail:backupSshPrivateKey", { value: login.private, secret: true });
        await lab.stack.setConfig("mail:backupSshHostKey", { value: storage });
        await up(lab.stack);
        const moved = readFileSync(lab.stateFile, "utf8");
        expect(moved).not.toMatch(/pulumi:providers:aws|::aws:|backup-bucket/);
        for (const line of login.private.split("\n").filter((each) => /^[^-]/.test(each)))
          expect(moved).not.toContain(line);
        const shipped = ["secrets/ssh-key", "ssh/known-hosts", "ssh/config"].map((path) => join(apps, "backup", path));
        expect(shipped.map((path) => statSync(path).mode & 0o777)).toEqual([0o600, 0o600, 0o600]);
        expect(readFileSync(shipped[0] ?? "", "utf8").trim()).toBe(login.private.trim());
        expect(readFileSync(shipped[1] ?? "", "utf8")).toBe(`backup-storage ${storage}\n`);
        expect(readFileSync(join(apps, "backup/secrets/restic.env"), "utf8")).toBe(`RESTIC_REPOSITORY=${OVER_SSH}\n`);
        expect(await upAgain(lab.stack)).toBe(0);

        // And back: nothing of the login stays.
        await lab.stack.setConfig("mail:backupRepository", { value: REPOSITORY, secret: true });
        await lab.stack.removeConfig("mail:backupSshPrivateKey");
        await lab.stack.removeConfig("mail:backupSshHostKey");
        await up(lab.stack);
        expect(shipped.filter(existsSync)).toEqual([]);
      }),
    ENGINE_TIMEOUT_MS,
  );

  test(
    "into a bucket that exists: it is refused without import, and adopted with it, contents and name as they were",
    () =>
      inLab(standIns("prod", { backupRegion: "eu-central-1" }), async (lab) => {
        const { world } = lab.outside;
        world.create(S3_BUCKET, "by hand", { bucket: BUCKET, region: "eu-central-1", tags: { made: "by hand" } });
        expect(await upElsewhere(lab)).toContain(`BucketAlreadyOwnedByYou: ${BUCKET}`);
        await lab.stack.setConfig("mail:backupBucketImport", { value: "true" });
        lab.outside.publishDs((await up(lab.stack)).dnssecDs);
        expect(world.all(S3_BUCKET).map(({ id }) => id)).toEqual([BUCKET]);
        expect(world.all(S3_BUCKET)[0]?.props["tags"]).toEqual({ made: "by hand" });
        expect(await upAgain(lab.stack)).toBe(0);
      }),
    ENGINE_TIMEOUT_MS,
  );

  test(
    "recovery's up gives an empty Stalwart accounts and the Worker a key that it knows",
    () =>
      inLab(standIns("prod"), async (lab) => {
        const { host } = lab.outside;
        lab.outside.publishDs((await up(lab.stack)).dnssecDs);
        await deliverOne(lab);
        const apps = join(host.folder, "apps");
        const key = readFileSync(join(apps, "stalwart/keys/worker-1"), "utf8");
        // What `mail-backup restore nothing` does.
        const compose = async (verb: string) => {
          const args = ["compose", "-f", join(apps, "mail-stack/compose.yaml"), verb, "stalwart"];
          return await host.engine.docker({ args, cwd: host.folder, environment: {}, stdin: "" });
        };
        expect((await compose("stop")).code).toBe(0);
        for (const name of readdirSync(join(apps, "stalwart/data")))
          rmSync(join(apps, "stalwart/data", name), { recursive: true });
        expect((await compose("restart")).code).toBe(0);

        // As ops/recover/plans.ts calls it.
        await lab.stack.up({ replace: ["**host-files", "**host-key"] });
        expect(readFileSync(join(apps, "stalwart/keys/worker-1"), "utf8")).not.toBe(key);
        await deliverOne(lab);
        expect((await lab.outside.world.buckets.list("mail-spool-augustin-ai", "spool/")).length).toBe(0);
        expect(await upAgain(lab.stack)).toBe(0);
      }),
    ENGINE_TIMEOUT_MS,
  );
});
