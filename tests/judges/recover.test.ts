import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Scenario } from "../../ops/recover/plans";
import { sshKeyPair } from "../../sandbox/host/ssh-key";
import { fromDocs, words } from "../docs";
import { HAS_MAIL_HOST, type MailHost, startMailHost } from "./backup/mail-host";
import { type Operator, startOperator } from "./backup/operator";

jest.setTimeout(120_000);

if (!HAS_MAIL_HOST) process.stderr.write("skipped: recovery needs root, Cyrus, restic and rest-server\n");

const MESSAGE =
  "From: a@example.net\r\nTo: root@example.org\r\nSubject: kept\r\nMessage-ID: <1@example.net>\r\n\r\nKept.\r\n";

/** Each case begins with a broken host, is one command over SSH, and ends with a mail read over IMAP (`read`: from a file). */
(HAS_MAIL_HOST ? describe : describe.skip)("npm run recover, from a broken state to a mail that is read", () => {
  let mail: MailHost;
  let operator: Operator;
  beforeAll(async () => {
    mail = await startMailHost();
    operator = await startOperator(mail.folder, mail.host);
    mail.append(MESSAGE);
    for (const name of ["recovery-admin.env", "stalwart-cli.env"])
      writeFileSync(join(mail.host.apps, "stalwart/secrets", name), "FIRST=1\n");
    writeFileSync(join(mail.host.apps, "stalwart/keys/worker-1"), "API_first");
    writeFileSync(join(mail.host.apps, "stalwart/version"), "0.16.18\n");
    await mail.did("export");
    await mail.did("backup");
    expect(await mail.inbox()).toEqual([MESSAGE]);
  });
  afterAll(async () => {
    await operator.close();
    await mail.close();
  });

  async function breakDown(): Promise<void> {
    await mail.stop();
    expect(await mail.isAnswering()).toBe(false);
  }

  /** @returns what it said */
  async function recovered(scenario: Scenario, ...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await operator.recover(scenario, "--yes", ...args);
    expect({ code, said: code === 0 ? "" : stdout + stderr }).toEqual({ code: 0, said: "" });
    expect(stdout).toMatch(/Done\.\n$/);
    return stdout;
  }

  it("does nothing without consent, and does not even log in", async () => {
    const { code, stdout } = await operator.recover("restore");
    expect({ code, end: stdout.slice(-18) }).toEqual({ code: 1, end: "Nothing was done.\n" });
    expect(operator.ssh.commands).toEqual([]);
  });

  it("talks to no host with another key than the stack file's", async () => {
    operator.setUp({ hostKey: sshKeyPair().public });
    const { code, stdout, stderr } = await operator.recover("container", "--yes");
    operator.setUp({});
    expect(code).toBe(1);
    expect(stderr).toContain("Host key verification failed.");
    expect(stdout).toContain("Step 1 ended with status 255.");
    expect(operator.ssh.commands).toEqual([]);
  });

  it("container: starts it", async () => {
    await breakDown();
    await recovered("container");
    expect(await mail.inbox()).toEqual([MESSAGE]);
  });

  it("restore: the store is damaged", async () => {
    await breakDown();
    rmSync(join(mail.data, "spool"), { recursive: true });
    await recovered(scenarioOf(fromDocs("docs/recover.md", "npm run recover -- prod restore")));
    expect(await mail.inbox()).toEqual([MESSAGE]);
    expect(messages(join(mail.data, "export"))).toEqual([MESSAGE]);
  });

  it("restore: says which step failed, and goes on there", async () => {
    await breakDown();
    rmSync(join(mail.data, "conf"), { recursive: true });
    const wrong = await operator.recover("restore", "--yes", "--snapshot", "0123456789abcdef");
    expect(wrong.code).toBe(1);
    expect(wrong.stdout).toContain("npm run recover -- prod restore --from 1 --snapshot 0123456789abcdef");
    await recovered("restore", "--from", "1");
    expect(await mail.inbox()).toEqual([MESSAGE]);
  });

  it("read: the export is on this machine as .eml files, without a server", async () => {
    await breakDown();
    const copy = join(mail.folder, "it's a copy");
    await recovered("read", "--folder", copy);
    expect(messages(copy)).toEqual([MESSAGE]);
  });

  it("reimport: a new store is filled from the exported mail", async () => {
    const ups: string[] = [];
    operator.onUp(async (args) => {
      ups.push(args);
      await breakDown();
      // What `pulumi up` does to an empty Stalwart: accounts. tests/engine/recover.test.ts does it.
      expect(readdirSync(mail.data).filter((name) => name !== "export")).toEqual([]);
      spawnSync("cp", ["-a", `${mail.empty}/.`, mail.data]);
      await mail.start();
      await mail.firstLogin();
    });
    await recovered(scenarioOf(fromDocs("docs/backup.md", "npm run recover -- prod reimport")));
    expect(ups).toEqual([
      "up --yes --stack prod --replace **host-files --replace **host-key --replace **host-arrivals-key",
    ]);
    expect(await mail.inbox()).toEqual([MESSAGE]);
  });

  it("host: a new one has what only the old one had", async () => {
    const { host, data } = mail;
    await breakDown();
    rmSync(host.apps, { recursive: true });
    const ups: string[] = [];
    operator.onUp((args) => {
      ups.push(args);
      if (ups.length === 1) installAnew();
      return Promise.resolve();
    });
    const said = await recovered("host");
    expect(said).toContain("sudo loginctl enable-linger mail");
    expect(ups).toEqual([
      "up --yes --stack prod",
      "up --yes --stack prod --replace **host-files --replace **host-key --replace **host-arrivals-key",
    ]);
    expect(await mail.inbox()).toEqual([MESSAGE]);
    expect(messages(join(data, "export"))).toEqual([MESSAGE]);
    expect(readFileSync(join(host.apps, "stalwart/keys/worker-1"), "utf8")).toBe("API_first");
    expect(readFileSync(join(host.apps, "stalwart/secrets/recovery-admin.env"), "utf8")).toBe("FIRST=1\n");
    // And the backups go on.
    await mail.did("backup");
  });

  it("is told by the recovery kit, which has every command and no secret unless asked", async () => {
    const { code, stdout } = await operator.kit();
    expect(code).toBe(0);
    for (const scenario of ["host", "read"]) expect(stdout).toContain(`npm run recover -- prod ${scenario}`);
    const texts = Object.values(operator.secrets).flatMap((secret) => secret.split("\n"));
    const secrets = texts.filter((text) => text.length > 7 && !text.startsWith("-----"));
    expect(secrets.filter((secret) => stdout.includes(secret))).toEqual([]);
    const asked = await operator.kit("--with-secrets");
    expect(secrets.filter((secret) => !asked.stdout.includes(secret))).toEqual([]);
  });

  it("leaves nothing of its runs behind, the stack's key least of all", () => {
    const left = readdirSync(operator.temporary).filter(
      (name) => !name.startsWith("tsx-") && name !== "node-compile-cache",
    );
    expect(left).toEqual([]);
  });

  /** What `pulumi up` leaves on a new host. */
  function installAnew(): void {
    const { apps, ship } = mail.host;
    ship({});
    const made = ["data", "keys", "tls", "secrets"].map((name) => `stalwart/${name}`);
    for (const path of [...made, "arrivals/keys", "traefik/acme", "tailscale/run", "onhost"])
      mkdirSync(join(apps, path), { recursive: true });
    for (const path of ["", "stalwart", "stalwart/data"]) chmodSync(join(apps, path), 0o755);
    writeFileSync(join(apps, "mail-stack/.env"), "MAIL_UID=0\nMAIL_GID=0\n");
    writeFileSync(join(apps, "stalwart/config.json"), "{}");
    writeFileSync(join(apps, "stalwart/version"), "0.16.18\n");
    writeFileSync(join(apps, "stalwart/keys/worker-1"), "API_second");
    for (const name of ["recovery-admin.env", "stalwart-cli.env"])
      writeFileSync(join(apps, "stalwart/secrets", name), "SECOND=1\n");
  }
});

const scenarioOf = (command: string) => words(command).at(-1) as Scenario;

/** Every .eml below a folder. */
function messages(folder: string): readonly string[] {
  const entries = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".eml"));
  return entries.map((path) => readFileSync(join(folder, path), "latin1"));
}
