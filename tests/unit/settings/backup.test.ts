import { renderSchema } from "../../../tools/generate";
import { parseSettings, type RawValue } from "../../../infra/settings/parse";
import { KEY_PAIRS, opensshKey, PEM, problemsWith, rawWith, settingsWith, sshBlob } from "./fixtures";

const PASSWORD = { text: "otter-Canyon-77-velvet-moon", secret: true };
const S3 = { backup: "s3", backupBucket: "example-backups", backupPassword: PASSWORD };
const REST = {
  backup: "repository",
  backupRepository: "rest:https://u:p@b.example.org/mail",
  backupPassword: PASSWORD,
};
const STORAGE_KEY = { text: opensshKey("none"), secret: true };
const ED25519 = `ssh-ed25519 ${sshBlob("ssh-ed25519", Buffer.alloc(32, 7))}`;
const RSA = `ssh-rsa ${sshBlob("ssh-rsa", Buffer.alloc(256, 7))}`;
const SFTP = {
  ...REST,
  backupRepository: "sftp://u1@storage.example.org:23//home/mail",
  backupSshPrivateKey: STORAGE_KEY,
  backupSshHostKey: ED25519,
};

describe("backup settings", () => {
  it("are off without any", () => {
    expect(settingsWith({}).backup).toBeUndefined();
  });

  it("name a bucket of AWS", () => {
    const { target, password, keep, ...rest } = settingsWith({ ...S3, backupPrefix: "i3" }).backup ?? {};
    expect(target).toEqual({
      kind: "s3",
      bucket: "example-backups",
      prefix: "i3",
      region: "us-east-1",
      isAdopted: false,
      keyNumber: 1,
      keptKeyNumber: undefined,
    });
    expect(password?.reveal()).toBe(PASSWORD.text);
    expect(keep).toEqual({ daily: 14, weekly: 8, monthly: 12 });
    expect(rest).toMatchObject({ exportAt: "02:45", at: "03:00", drill: "monthly" });
  });

  it("name another repository, with its login", () => {
    const environment = { text: "AWS_ACCESS_KEY_ID=a/b+c\n\nAWS_SECRET_ACCESS_KEY=x=y", secret: true };
    const target = settingsWith({ ...REST, backupEnvironment: environment }).backup?.target;
    expect(target?.kind === "repository" && [target.url, target.environment].map((each) => each.reveal())).toEqual([
      "rest:https://u:p@b.example.org/mail",
      "AWS_ACCESS_KEY_ID=a/b+c\nAWS_SECRET_ACCESS_KEY=x=y\n",
    ]);
  });

  it.each<[Record<string, string | RawValue>, string]>([
    [{ ...S3, backupBucket: "" }, "mail:backupBucket is empty, and mail:backup is s3"],
    [{ ...S3, backupBucket: "Example" }, "is no name for a bucket"],
    [{ ...S3, backupBucket: "192.0.2.1" }, "looks like an address"],
    [{ ...S3, backupPrefix: "/i3" }, "has a / at an end"],
    [{ ...S3, backupPrefix: "i3/*" }, "is no plain folder"],
    [{ ...S3, backupPrefix: "../x" }, "is no plain folder"],
    [{ ...S3, backupRegion: "europe" }, "is no region of AWS"],
    [{ ...S3, backupPassword: { text: "short-but-printable", secret: true } }, "is shorter than 20 characters"],
    [{ backup: "s3", backupBucket: "example-backups" }, "mail:backupPassword is missing"],
    [{ ...S3, backupEnvironment: { text: "A=b", secret: true } }, "has no effect with s3"],
    [{ ...REST, backupRepository: "" }, "is empty, and mail:backup is repository"],
    [{ ...REST, backupRepository: "rest:http://b.example.org/" }, "is not reached by https"],
    [{ ...REST, backupRepository: "rclone:u:x" }, "needs a program that restic's container does not have"],
    [{ ...REST, backupRepository: "/mnt/disk" }, "is a folder on the host"],
    [{ ...REST, backupRepository: "ftp://x" }, "is no repository that restic knows"],
    [{ ...REST, backupEnvironment: { text: "AWS_SECRET=a b", secret: true } }, "is not NAME=value"],
    [{ ...REST, backupEnvironment: { text: "A=b\nA=c", secret: true } }, "names a variable twice"],
    [{ ...REST, backupEnvironment: { text: "A=$b", secret: true } }, "an environment file changes"],
    [{ ...REST, backupEnvironment: { text: "RESTIC_PASSWORD=b", secret: true } }, "has a setting of its own"],
    [{ backupKeep: "[0,8,12]" }, "keeps no day"],
    [{ backupKeep: "[7,8]" }, "has 2 items, not three"],
    [{ backupAt: "3:00" }, "is no time of day"],
    [{ backupAt: "02:45" }, "is when the export begins"],
    [{ backupDrill: "daily" }, "is not one of the allowed words"],
    [{ backupHeartbeatUrl: "https://hc.example.org/x?y=1" }, "has a query"],
  ])("refuse %j", (changes, fact) => {
    const problems = problemsWith(changes);
    expect(problems.map((problem) => problem.fact).join()).toContain(fact);
    // Nothing that may be secret is repeated.
    expect(JSON.stringify(problems)).not.toMatch(/u:p@|short-but/);
  });
});

describe("a secret that only some deployments need", () => {
  it("may be absent, and must be encrypted when it is there", () => {
    expect(problemsWith({ backupPassword: "" })).toEqual([]);
    const [problem] = problemsWith({ ...S3, backupPassword: PASSWORD.text });
    expect(problem).toMatchObject({ key: "mail:backupPassword" });
    expect(problem?.fact).toContain("is a secret, but is stored in the clear");
    expect(problem?.command).toBe(
      "openssl rand -base64 30 | pulumi config set --secret mail:backupPassword --stack {stack}",
    );
    expect(JSON.stringify(problem)).not.toContain(PASSWORD.text);
  });

  it("has an empty default in Pulumi's schema, because Pulumi would otherwise require it", () => {
    const [, entry = ""] = /\n {2}backupPassword:\n((?: {4}.*\n)+)/.exec(renderSchema()) ?? [];
    expect(entry).toContain('default: ""');
    expect(entry).not.toContain("secret:");
  });

  it("is not shown, and locked without its plaintext", () => {
    const open = parseSettings(rawWith(S3));
    expect(open.kind === "settings" && [open.values.backupPassword, open.values.backupEnvironment]).toEqual([
      "[secret]",
      "",
    ]);
    const locked = parseSettings(rawWith({ ...S3, backupPassword: { text: undefined, secret: true } }));
    expect(locked.kind === "locked" && locked.keys).toEqual(["backupPassword"]);
  });
});

describe("an SFTP repository", () => {
  it("has a login and the storage's keys, once each and as known_hosts wants them", () => {
    const scanned = `# storage.example.org:23 SSH-2.0-OpenSSH\n[storage.example.org]:23 ${RSA}\n\n${ED25519} root@s\n${ED25519}`;
    const target = settingsWith({ ...SFTP, backupSshHostKey: scanned }).backup?.target;
    expect(target?.kind === "repository" && target.sftp?.hostKeys).toEqual([RSA, ED25519]);
    expect(target?.kind === "repository" && target.sftp?.privateKey.reveal()).toBe(STORAGE_KEY.text);
  });

  it.each([
    "sftp://u1-sub2@storage.example.org//home/mail",
    "sftp://u@d.example@storage/mail",
    "sftp://u@[2001:db8::1]:22//mail",
    "sftp:u@192.0.2.7:/mail",
    "sftp:u@storage.example.org:mail/i3",
  ])("may be %s", (url) => {
    const target = settingsWith({ ...SFTP, backupRepository: url }).backup?.target;
    expect(target?.kind === "repository" && target.url.reveal()).toBe(url);
  });

  it.each([
    ["sftp://storage.example.org/mail", "does not name user, host and folder"],
    ["sftp:storage.example.org:/mail", "does not name user, host and folder"],
    ["sftp://u@storage.example.org", "does not name user, host and folder"],
    ["sftp:u@2001:db8::1", "names no host"],
    ["sftp://u:p@storage.example.org//mail", "has a password in it"],
    ["sftp://-oProxyCommand=x@h.example//mail", "has a user name with other characters"],
    ["sftp://u@-oProxyCommand=x//mail", "names no host"],
    ["sftp://u@[h.example]//mail", "names no host"],
    ["sftp://u@h.example:0//mail", "has a port that is not from 1 to 65535"],
    ["sftp://u@h.example://mail", "has a port that is not from 1 to 65535"],
    ["sftp://u@h.example//", "names no folder"],
    ["sftp:u@h.example:", "names no folder"],
    ["sftp:u@h.example:~/mail", "begins with ~"],
    ["sftp://u@h.example//mail?x=1", "has a folder with other characters"],
    ["sftp://u@h.example//%6dail", "has a folder with other characters"],
  ])("may not be %s", (url, fact) => {
    const [problem, ...more] = problemsWith({ ...SFTP, backupRepository: url });
    expect(problem?.fact).toContain(fact);
    expect(problem?.allowed).toContain("sftp://USER@HOST[:PORT]//FOLDER");
    // Whether the keys are needed is not known, so nothing is said of them.
    expect(more).toEqual([]);
  });

  it.each<[Record<string, string | RawValue>, string, string]>([
    [{ ...SFTP, backupSshPrivateKey: "" }, "mail:backupSshPrivateKey is missing", "config set --secret"],
    [{ ...SFTP, backupSshHostKey: "" }, "mail:backupSshHostKey is missing", "config set"],
    [{ ...SFTP, backupSshPrivateKey: STORAGE_KEY.text }, "is stored in the clear", "config set --secret"],
    [
      { ...SFTP, backupSshPrivateKey: { text: opensshKey("aes256-ctr"), secret: true } },
      "with a passphrase",
      "config set --secret",
    ],
    [
      {
        ...SFTP,
        backupSshPrivateKey: { text: KEY_PAIRS.ed25519.privateKey.export(PEM).toString(), secret: true },
      },
      "is not in OpenSSH's own form",
      "config set --secret",
    ],
    [{ ...SFTP, backupSshHostKey: "SHA256:abcdef" }, "is a fingerprint", "config set"],
    [{ ...SFTP, backupSshHostKey: STORAGE_KEY.text }, "is a private key", "config set"],
    [{ ...SFTP, backupSshHostKey: `@cert-authority * ${ED25519}` }, "has a marker", "config set"],
    [{ ...SFTP, backupSshHostKey: ED25519.slice(0, -8) }, "is cut or damaged", "config set"],
    [{ ...SFTP, backupSshHostKey: RSA.slice(0, -8) }, "is cut or damaged", "config set"],
    [{ ...SFTP, backupSshHostKey: RSA.replace("ssh-rsa", "ssh-ed25519") }, "is not what it says", "config set"],
    [{ ...SFTP, backupSshHostKey: "ssh-dss AAAA" }, "has a line without the type", "config set"],
    [{ ...SFTP, backupSshHostKey: "# nothing" }, "holds no key", "config set"],
    [{ ...REST, backupSshHostKey: ED25519 }, "mail:backupSshHostKey has no effect", "config rm"],
    [{ ...REST, backupSshPrivateKey: STORAGE_KEY }, "mail:backupSshPrivateKey has no effect", "config rm"],
    [{ ...S3, backupSshPrivateKey: STORAGE_KEY }, "mail:backupSshPrivateKey has no effect", "config rm"],
  ])("refuses %j", (changes, fact, command) => {
    const [problem, ...more] = problemsWith(changes);
    expect(problem?.fact).toContain(fact);
    expect(problem?.command).toContain(`pulumi ${command}`);
    expect(more).toEqual([]);
    expect(JSON.stringify(problem)).not.toContain(STORAGE_KEY.text.split("\n")[1]);
  });

  it("keeps its keys while backups are off", () => {
    expect(settingsWith({ ...SFTP, backup: "off" }).backup).toBeUndefined();
  });
});
