import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NAMESPACES } from "../../../infra/settings/providers";
import { checkStackFile, settingsOf, StackFileError } from "../../../infra/settings/stack-file";
import { run } from "../../../ops/settings";
import { HOST_KEY, listWith, objectWith, problemsOf, SECRETS, textWith } from "./fixtures";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "stack-file-"));
  writeFileSync(join(directory, "Pulumi.yaml"), "name: mail\nruntime: nodejs\n");
});
afterEach(() => rmSync(directory, { recursive: true }));

const PLAIN = `encryptionsalt: v1:abc
config:
  mail:domain: example.test
  mail:accountId: "01234567890123456789012345678901"
  mail:primaryAddress: root@example.test
  mail:aliases:
    - abuse
  mail:dkimRsaSelector: 202602
  mail:dkimEd25519Selector: 202602e
  mail:hostAddress: 192.0.2.10
  mail:hostPort: 2222
  mail:hostUser: mail
  mail:hostKey: ${HOST_KEY}
  mail:inbound: off
  cloudflare:apiToken:
    secure: v1:AAAA:BBBB
`;
const LOCKED = Object.keys(SECRETS).map((key) => `  mail:${key}:\n    secure: v1:AAAA:BBBB\n`);

function write(...parts: readonly string[]): void {
  writeFileSync(join(directory, "Pulumi.x.yaml"), parts.join(""));
}

function facts(): readonly string[] {
  return problemsOf(checkStackFile("x", { directory })).map(({ fact }) => fact);
}

test("the documented deployment is valid, apart from what its documentation does not tell", () => {
  expect(problemsOf(checkStackFile("prod")).map(({ fact }) => fact)).toEqual(
    [
      "accountId is missing.",
      "dkimRsaPrivateKey is missing.",
      "dkimEd25519PrivateKey is missing.",
      "resendApiKey is missing.",
      "adminPassword is missing.",
      "accountPassword is missing.",
      "backupPassword is missing, and mail:backup is not off.",
      "hostAddress is missing.",
      "hostUser is missing.",
      "hostKey is missing.",
      "hostSshPrivateKey is missing.",
    ].map((fact) => `mail:${fact}`),
  );
});

test("the documented deployment has the documented values", () => {
  const values = { accountId: "0".repeat(32), hostAddress: "192.0.2.10", hostUser: "mail", hostKey: HOST_KEY };
  const secrets = { ...SECRETS, backupPassword: "k9WtYq-8Zr2mVbXc4Lsd" };
  expect(settingsOf("prod", { values, secrets })).toMatchObject({
    domain: "augustin.ai",
    primaryAddress: "root@augustin.ai",
    catchAll: "root@augustin.ai",
    hostnames: { server: "stalwart.augustin.ai" },
    dkim: { rsa: { selector: "202602r" }, ed25519: { selector: "202602e" } },
    dmarc: { policy: "reject", aggregateAddress: "postmaster@augustin.ai", failureAddress: "postmaster@augustin.ai" },
    tlsReportAddress: "postmaster@augustin.ai",
    routing: { mxPriorities: [50, 64, 82] },
    backup: { target: { kind: "s3", bucket: "augustin-backups", prefix: "i3" } },
  });
});

test("encrypted values are locked, and everything else is checked", () => {
  write(PLAIN, ...LOCKED);
  const result = checkStackFile("x", { directory });
  expect(result).toMatchObject({
    kind: "locked",
    keys: Object.keys(SECRETS).toSorted(byTable),
    values: { hostPort: 2222, inbound: "off", dkimRsaSelector: "202602" },
  });
  expect(() => settingsOf("x", { directory })).toThrow(
    /PULUMI_CONFIG_PASSPHRASE.*pulumi config --show-secrets --json --stack x/,
  );
  expect(settingsOf("x", { directory, secrets: SECRETS }).resend.apiKey.reveal()).toBe(SECRETS.resendApiKey);
});

test("what the engine refuses or misreads is a problem", () => {
  write(PLAIN.replace(/"(\d{32})"/, "$1").replace("\n    - abuse", ` '["abuse"]'`), ...LOCKED);
  expect(facts()).toEqual([
    "mail:accountId is a number in the file, not a text.",
    "mail:aliases is a text in the file, not a list.",
  ]);
});

test("a secret inside a list makes the whole key a secret", () => {
  write(PLAIN.replace("- abuse", "- secure: v1:AAAA"), ...LOCKED);
  expect(checkStackFile("x", { directory })).toMatchObject({
    kind: "locked",
    keys: listWith(["aliases"]),
  });
});

describe("what the engine reads otherwise or not at all is told with all other problems", () => {
  const problemOf = (change: (text: string) => string, ...more: readonly string[]) => {
    write(change(PLAIN), ...more, ...LOCKED);
    return problemsOf(checkStackFile("x", { directory }));
  };

  test.each<[string, (text: string) => string, string]>([
    ["a date", (text) => text.replace("hostUser: mail", "hostUser: 2026-11-30"), "mail:hostUser is a date in the file"],
    ["an octal", (text) => text.replace("202602\n", "0777\n"), "mail:dkimRsaSelector is a number in the file"],
    [
      "a tag",
      (text) => text.replace("hostUser: mail", "hostUser: !!binary aGk="),
      "mail:hostUser is a value with the tag",
    ],
    ["a date in a list", (text) => text.replace("- abuse", "- 2026-11-30"), "mail:aliases is a date in the file"],
    ["no namespace", (text) => text.replace("mail:hostPort", "hostPort"), '"hostPort" has no namespace.'],
    [
      "capitals",
      (text) => text.replace("mail:hostPort", "Mail:hostPort"),
      '"Mail:hostPort" is in a namespace that nothing',
    ],
    ["a misspelt namespace", (text) => `${text}  clodflare:baseUrl: x\n`, "the nearest one is cloudflare."],
    ["a misspelt key", (text) => `${text}  cloudflare:apitoken: x\n`, "the nearest one is cloudflare:apiToken."],
    [
      "a secret",
      (text) => `${text}  aws:secretKey: hush-hush\n`,
      "aws:secretKey is a secret, but is stored in the clear",
    ],
    [
      "a second section",
      (text) => `Config: {}\n${text}`,
      '"Config" is not a section of a stack file; the nearest one is config.',
    ],
    ["no salt", (text) => text.replace("encryptionsalt: v1:abc\n", ""), "not the encryptionsalt that Pulumi writes"],
    [
      "no ciphertext",
      (text) => `${text}  tailscale:apiKey: {secure: hush hush}\n`,
      "holds something that is not an encrypted value.",
    ],
    [
      "another ciphertext",
      (text) => `${text}  tailscale:apiKey: {secure: aGk=}\n`,
      "is not encrypted with the stack's passphrase.",
    ],
  ])("%s", (_, change, fact) => {
    const problems = problemOf(change);
    expect(problems.map((problem) => problem.fact)).toContainEqual(textWith(fact));
    expect(JSON.stringify(problems)).not.toContain("hush");
    for (const { allowed, command } of problems) expect([allowed, command]).not.toContain("");
  });

  test("all at once", () => {
    const problems = problemOf(
      (text) => `Config: {}\n${text.replace("hostUser: mail", "hostUser: 0777").replace("root@example.test", "root")}`,
      "  clodflare:apiToken: hush\n",
    );
    expect(problems.map(({ key }) => key)).toEqual(
      ["mail:primaryAddress", "mail:hostUser", "Config", "clodflare:apiToken"].map(textWith),
    );
  });

  test("defaults of Pulumi.yaml that are not the program's", () => {
    const project = (config: string) =>
      writeFileSync(join(directory, "Pulumi.yaml"), `name: mail\nruntime: nodejs\nconfig:\n${config}`);
    project("  workerName:\n    default: other\n");
    expect(problemOf((text) => text)).toEqual([objectWith({ key: "workerName", command: "npm run generate" })]);
    project("  mail:workerName:\n    value: other\n");
    expect(problemOf((text) => text)).toHaveLength(1);
    project("  aws:region: eu-west-1\n  workerName:\n    type: string\n    default: mail-inbound\n");
    expect(problemOf((text) => text)).toEqual([]);
  });
});

test.each([
  ["an alias without an anchor", "config:\n  mail:domain: *nope\n", "the alias *nope in line 2"],
  ["an alias of itself", "config:\n  mail:aliases: &a [*a]\n", "the alias *a in line 2"],
  ["a second document", "config: {}\n---\nconfig: {}\n", "MULTIPLE_DOCS"],
  ["a directive", "%YAML 1.1\n---\nconfig: {}\n", "%YAML directive"],
  ["a control character", "config:\n  mail:domain: a\u009bb\n", "a control character in line 2"],
])("is a sentence, not a stack trace: %s", (_, content, words) => {
  write(content);
  expect(run(["x"], directory)).toMatchObject({ code: 1, stderr: textWith(words) });
});

test("provider's keys are those of the installed packages", () => {
  for (const [namespace, { keys, secret }] of NAMESPACES) {
    if (keys === undefined) continue;
    const file = readFileSync(join(__dirname, `../../../node_modules/@pulumi/${namespace}/config/vars.d.ts`), "utf8");
    expect([...file.matchAll(/export declare const (\w+)/g)].map(([, name]) => name).toSorted()).toEqual(
      keys.toSorted(),
    );
    expect(keys).toEqual(listWith(secret));
  }
});

test("YAML that cannot be read is not quoted", () => {
  write("config:\n  mail:resendApiKey: hush-hush\n  mail:resendApiKey: hush-hush\n");
  expect(() => checkStackFile("x", { directory })).toThrow(
    new StackFileError(
      "Pulumi.x.yaml is not valid YAML: DUPLICATE_KEY in line 3. Nothing was changed. " +
        "Correct the file, or look at its last change: git diff Pulumi.x.yaml",
    ),
  );
});

test("a stack file that is a folder, and one that may not be read, is a sentence", () => {
  mkdirSync(join(directory, "Pulumi.x.yaml"));
  expect(run(["x"], directory)).toEqual({
    code: 1,
    stderr: "Pulumi.x.yaml cannot be read (it is a folder). Nothing was changed. Look at it: ls -ld Pulumi.x.yaml\n",
  });
  rmSync(join(directory, "Pulumi.yaml"));
  mkdirSync(join(directory, "Pulumi.yaml"));
  rmSync(join(directory, "Pulumi.x.yaml"), { recursive: true });
  write(PLAIN);
  expect(() => settingsOf("x", { directory })).toThrow(StackFileError);
});

test.each([
  [[], "One stack name is needed, 0 were given."],
  [["x", "y"], "One stack name is needed, 2 were given."],
  [["x", "--bogus"], "Unknown option '--bogus'"],
  [["x", "--json=1"], "'--json' does not take an argument"],
])("wrong arguments are named: %j", (args, says) => {
  const { code, stderr = "" } = run(args, directory);
  expect([code, stderr.split("\n")[0]]).toEqual([2, expect.stringContaining(says)]);
  expect(stderr).toContain("npm run settings -- STACK");
});

test.each(["../x", "", "a/b", "a b"])("%j is no stack name", (stack) => {
  expect(() => checkStackFile(stack, { directory })).toThrow(StackFileError);
});

describe("npm run settings", () => {
  test("shows a table and what was not checked", () => {
    write(PLAIN, ...LOCKED);
    const { code, stdout = "" } = run(["x"], directory);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^domain {18}example\.test$/m);
    expect(stdout).toMatch(/^resendApiKey {12}\[secret\]$/m);
    expect(stdout).toContain("Encrypted, so not checked here: dkimRsaPrivateKey");
  });

  test("shows all problems and exits 1", () => {
    write(PLAIN.replace("root@example.test", "root"));
    const { code, stdout = "" } = run(["x"], directory);
    expect(code).toBe(1);
    expect(stdout).toContain("7 problems in the settings of stack x. Nothing was changed.");
  });

  test("speaks JSON", () => {
    write(PLAIN, ...LOCKED);
    expect(JSON.parse(run(["x", "--json"], directory).stdout ?? "")).toMatchObject({
      stack: "x",
      ok: true,
      settings: { hostPort: 2222 },
    });
    write(PLAIN);
    const bad: unknown = JSON.parse(run(["x", "--json"], directory).stdout ?? "");
    expect(bad).toMatchObject({
      ok: false,
      problems: listWith([objectWith({ command: textWith("--stack x") })]),
    });
  });

  test("explains itself, and says when it was called wrongly", () => {
    expect(run(["--help"], directory)).toMatchObject({ code: 0, stdout: textWith("npm run settings") });
    expect(run([], directory)).toMatchObject({ code: 2 });
    expect(run(["a", "b"], directory)).toMatchObject({ code: 2 });
    expect(run(["--nope"], directory)).toMatchObject({ code: 2 });
    expect(run(["missing"], directory)).toMatchObject({
      code: 1,
      stderr: textWith("There is no Pulumi.missing.yaml"),
    });
  });
});

function byTable(a: string, b: string): number {
  const order = [
    "dkimRsaPrivateKey",
    "dkimEd25519PrivateKey",
    "resendApiKey",
    "adminPassword",
    "accountPassword",
    "hostSshPrivateKey",
  ];
  return order.indexOf(a) - order.indexOf(b);
}
