import { renderSchema } from "../../../tools/generate";
import { parseSettings, type RawValue } from "../../../infra/settings/parse";
import { problemsWith, rawWith, settingsWith } from "./fixtures";

const PASSWORD = { text: "otter-Canyon-77-velvet-moon", secret: true };
const S3 = { backup: "s3", backupBucket: "example-backups", backupPassword: PASSWORD };
const REST = {
  backup: "repository",
  backupRepository: "rest:https://u:p@b.example.org/mail",
  backupPassword: PASSWORD,
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
    [{ ...REST, backupRepository: "sftp:u@h:/x" }, "needs a program or a login file"],
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
    expect(problem?.command).toBe("pulumi config set --secret mail:backupPassword --stack {stack} < FILE");
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
