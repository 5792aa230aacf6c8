import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
  cloudflare:apiToken: hush
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

test("the namespace may be left out, other namespaces do not count", () => {
  write(PLAIN.replace("mail:domain", "domain"), "  other:domian: x\n", ...LOCKED);
  expect(checkStackFile("x", { directory }).kind).toBe("locked");
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

test("YAML that cannot be read is not quoted", () => {
  write("config:\n  mail:resendApiKey: hush-hush\n  mail:resendApiKey: hush-hush\n");
  expect(() => checkStackFile("x", { directory })).toThrow(
    new StackFileError("Pulumi.x.yaml is no valid YAML: DUPLICATE_KEY in line 3."),
  );
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
