import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { join } from "node:path";

import { fromDocs, words } from "../docs";
import { Secret } from "../../infra/settings/secret";
import { HAS_MAIL_HOST, type MailHost, startMailHost } from "./backup/mail-host";

jest.setTimeout(120_000);

if (!HAS_MAIL_HOST) process.stderr.write("skipped: the drill needs root, Cyrus, restic and rest-server\n");

const message = (number: number) =>
  `From: a@example.net\r\nTo: root@example.org\r\nSubject: ${number}\r\nMessage-ID: <${number}@example.net>\r\n\r\nMail ${number}.\r\n`;

/** The drill as it lies on the host, with a real restic; on the restored store a real mail server without a network. */
(HAS_MAIL_HOST ? describe : describe.skip)("mail-backup drill", () => {
  let mail: MailHost;
  beforeAll(async () => {
    mail = await startMailHost();
    for (const number of [1, 2, 3]) mail.append(message(number));
    await mail.did(words(fromDocs("docs/backup.md", "mail-backup export")).slice(1).join(" "));
    await mail.did(words(fromDocs("docs/backup.md", "mail-backup backup")).slice(1).join(" "));
  });
  afterAll(() => mail.close());

  /** Nothing of a drill stays: neither restored mail nor a server, and the live one was not touched. */
  async function expectNothingLeft(): Promise<void> {
    expect(existsSync(join(mail.host.apps, "backup/restore/drill"))).toBe(false);
    const masters = spawnSync("pgrep", ["-fc", `cyrmaster .*${mail.data}/`], { encoding: "utf8" }).stdout.trim();
    expect(masters).toBe("1");
    expect(await mail.isAnswering()).toBe(true);
  }

  /** A drill that must fail; gives what was said, and checks that somebody was told the same. */
  async function failing(): Promise<string> {
    mail.host.posts();
    const { code, stderr } = await mail.host.run("drill");
    expect({ code, stderr }).toEqual({ code: 1, stderr });
    const [alert = ""] = mail.host.posts();
    expect(alert).toMatch(/^\/alert mail-backup drill on stalwart\.augustin\.ai failed: /);
    expect(mail.host.status()["drill"]?.["why"]).toBe(alert.replace(/^.* failed: /, "").trim());
    await expectNothingLeft();
    return stderr;
  }

  /** Snapshots what `change` leaves of the stopped store, then puts the store back as it was. */
  async function withStore(change: () => void): Promise<void> {
    await mail.stop();
    const kept = join(mail.folder, "kept");
    spawnSync("cp", ["-a", mail.data, kept]);
    change();
    await mail.did("backup");
    rmSync(mail.data, { recursive: true });
    spawnSync("cp", ["-a", kept, mail.data]);
    rmSync(kept, { recursive: true });
    await mail.start();
    expect(await mail.inbox()).toHaveLength(3);
  }

  it("restores the newest snapshot, reads every message there and reports", async () => {
    const drill = words(fromDocs("docs/backup.md", "mail-backup drill")).slice(1).join(" ");
    const { code, stdout, stderr } = await mail.host.run(drill);
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(
      /^The newest snapshot restores: 3 messages, 3 listed, \d+ files as in the manifest, \d+ s\n$/,
    );
    expect(mail.host.status()).toMatchObject({
      drill: { success: expect.stringMatching(/Z$/) as unknown, failure: null },
      drillReport: { messages: 3, listed: 3 },
    });
    expect(readFileSync(join(mail.folder, "drills"), "utf8")).toBe("started\n");
    await expectNothingLeft();
    expect(await mail.inbox()).toEqual([1, 2, 3].map(message));
  });

  it("reports a message that the export lists and the restored store lacks", async () => {
    // The store as it was before the third message, as a copy that missed something.
    await withStore(() => {
      const spool = join(mail.data, "spool");
      const [index = ""] = spawnSync("find", [spool, "-name", "cyrus.index", "-size", "+0"], { encoding: "utf8" })
        .stdout.split("\n")
        .filter((path) => readdirSync(join(path, "..")).includes("3."));
      expect(index).not.toBe("");
      rmSync(join(index, "../3."));
      spawnSync("/usr/lib/cyrus/bin/reconstruct", ["-C", join(mail.data, "imapd.conf"), "-r", "user/root@example.org"]);
    });
    const said = await failing();
    expect(said).toContain(
      "The restored data are not what the export of that night lists: 1 accounts, 3 messages listed: 2 the same",
    );
  });

  it("reports a message whose bytes are gone from the restored store", async () => {
    await withStore(() => {
      const [blob = ""] = spawnSync("find", [join(mail.data, "spool"), "-name", "2."], {
        encoding: "utf8",
      }).stdout.split("\n");
      rmSync(blob);
    });
    const said = await failing();
    expect(said).toContain("3 messages listed: 2 the same");
    expect(said).toMatch(/root@example\.org: \S+ (cannot be read|is not on the server|has other bytes)/);
  });

  it("reports a message whose bytes are others", async () => {
    await withStore(() => {
      const [blob = ""] = spawnSync("find", [join(mail.data, "spool"), "-name", "1."], {
        encoding: "utf8",
      }).stdout.split("\n");
      writeFileSync(blob, message(1).replace("Mail 1.", "Mail 7."));
    });
    expect(await failing()).toContain("has other bytes than in the export");
  });

  it("reports an exported file that is gone, and one with other bytes", async () => {
    const inbox = join(mail.data, "export/accounts/root@example.org/mail");
    const files = readdirSync(inbox, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".eml"));
    const [first = "", second = ""] = files.map((path) => join(inbox, path));
    const content = readFileSync(first, "latin1");
    rmSync(first);
    writeFileSync(second, "other");
    await mail.did("backup");
    const said = await failing();
    expect(said).toContain("Exported files differ from their manifest: 1 accounts, 3 messages, ");
    expect(said).toContain(": 2 damaged, ");
    writeFileSync(first, content);
    expect(spawnSync("bash", ["-c", `rm -r '${mail.data}/export'/*`]).status).toBe(0);
    await mail.did("export");
    await mail.did("backup");
    await mail.did("drill");
  });

  it("reports that Stalwart does not start", async () => {
    await withStore(() => writeFileSync(join(mail.data, "imapd.conf"), "nonsense\n"));
    expect(await failing()).toContain("Stalwart does not start on the restored data");
  });

  it("reports a wrong password, and restores nothing", async () => {
    mail.host.ship({ password: new Secret("another-password-entirely") });
    expect(await failing()).toContain("The newest snapshot cannot be opened: the password is not the repository's.");
    mail.host.ship({});
  });

  it("does not begin on a disk that is too small", async () => {
    const place = join(mail.host.apps, "backup/restore");
    expect(spawnSync("mount", ["-t", "tmpfs", "-o", "size=64m", "none", place]).status).toBe(0);
    try {
      expect(await failing()).toMatch(/The newest snapshot needs \d+ bytes, and \d+ are free\./);
    } finally {
      spawnSync("umount", [place]);
    }
  });

  it("clears what a killed drill has left, and is well again", async () => {
    await mail.did("backup");
    mail.host.calls();
    const { code } = await mail.host.run("drill", { killAt: "run --rm -T compare" });
    expect(code).toBe(null);
    expect(existsSync(join(mail.host.apps, "backup/restore/drill"))).toBe(true);
    await mail.did("drill");
    await expectNothingLeft();
  });

  it("goes on with mail that came and went between export and copy", async () => {
    mail.append(message(4));
    const gone = spawnSync(
      "curl",
      ["-sS", "-u", "root@example.org:pw", `imap://127.0.0.1:${mail.imapPort}/INBOX`, "-X", "STORE 2 +FLAGS \\Deleted"],
      { encoding: "utf8" },
    );
    expect(gone.status).toBe(0);
    spawnSync("curl", ["-sS", "-u", "root@example.org:pw", `imap://127.0.0.1:${mail.imapPort}/INBOX`, "-X", "EXPUNGE"]);
    expect(await mail.inbox()).toEqual([1, 3, 4].map(message));
    await mail.did("backup");
    const { code, stdout, stderr } = await mail.host.run("drill");
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("2 messages, 3 listed");
    expect(stderr).toContain("2 the same, 1 deleted since, 0 differences; 1 newer");
  });
});
