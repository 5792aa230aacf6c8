import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { type ConfigKey, KEYS } from "../../../infra/settings/keys";
import { temporaryFolder } from "../../../sandbox/temporary";
import { commandsIn, pages, pageText } from "../../docs";

const ROOT = join(__dirname, "../../..");

/** Files that a command of the pages reads or writes in the checkout and that are no secret; each with what it is. */
const MEANT: Readonly<Record<string, string>> = {
  "Pulumi.prod.yaml": "the stack file, whose secrets are encrypted",
  "sandbox/host/registry/schema-VERSION.json": "an excerpt of Stalwart's schema, for the repository",
  FILE: "a picture, wherever its reader wants it",
};

/** What a command line reads or writes: redirections, and options that name a file. */
function filesOf(command: string): readonly string[] {
  const redirected = [...command.replaceAll(/<\w+>/g, "NAME").matchAll(/(?:^|\s)[<>]\s*([^\s<>|&]+)/g)];
  const named = [
    ...command.matchAll(
      /\s(?:-f|-lf|-out|--file|--out|--html|--svg|--sign-key|--sign-cert|--sign-chain|--target)\s+(\S+)/g,
    ),
  ];
  const copied = [...command.matchAll(/^(?:cp|mv) \S+ (\S+)$/g)];
  const exported = [...command.matchAll(/^npm run spool -- \S+ export (\S+)$/g)];
  return [...redirected, ...named, ...copied, ...exported].map(([, file = ""]) => file);
}

describe("a file that a page tells to write or read in the checkout", () => {
  const clone = temporaryFolder();
  const git = (...args: readonly string[]) => spawnSync("git", args, { cwd: clone.path, encoding: "utf8" });
  beforeAll(() => {
    git("init", "-q");
    writeFileSync(join(clone.path, ".gitignore"), readFileSync(join(ROOT, ".gitignore")));
  });
  afterAll(() => clone.remove());

  /** As `git add` decides, also of a file that is there. */
  function isIgnored(file: string): boolean {
    const path = join(clone.path, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, "x");
    return git("check-ignore", "-q", "--", file).status === 0;
  }

  const commands = pages().flatMap((page) => {
    const { blocks, inline } = commandsIn(pageText(page));
    return [...blocks, ...inline].flatMap((command) => filesOf(command).map((file) => ({ page, command, file })));
  });
  // Those of the host's own login are not in a checkout.
  const here = commands.filter(({ file, command }) => !/^[~/]/.test(file) && !command.startsWith("restic "));

  it("is ignored by git, or meant to be there", () => {
    expect(commands.length).toBeGreaterThan(8);
    expect(here.filter(({ file }) => !(file in MEANT) && !isIgnored(file))).toEqual([]);
    expect(Object.keys(MEANT).filter((file) => !here.some((each) => each.file === file))).toEqual([]);
  });

  it("is never a secret that goes to Pulumi", () => {
    expect(here.filter(({ command }) => command.includes("--secret"))).toEqual([]);
    for (const [name, { input }] of Object.entries<ConfigKey>(KEYS))
      if (input !== undefined && "file" in input)
        expect([name, input.file]).toEqual([name, expect.stringMatching(/^~\//)]);
  });

  it.each(
    // Names of former releases of these pages, and what people call such files.
    [
      ...["dkim-rsa.pem", "dkim-ed25519.pem", "resend-key", "admin-password", "account-password", "backup-password"],
      ...["id_ed25519", "id_rsa", "id_ed25519.pub", "cloudflare-token", "storage-key", "new-key.txt", "state.json"],
      ...["state-2026.json", "server.key", "passphrase", "import-home.json", "client/x.mobileconfig", "environment"],
      ...[
        "cloudflare_token",
        "token.txt",
        "admin-password.txt",
        "adminPassword",
        "passwords.txt",
        "secrets.yaml",
        ".env",
      ],
      ...["prod.env", ".env.prod", "dkimRsaPrivateKey", "dkim-rsa.private", "resendApiKey", "resend_api_key.txt"],
      ...["mail-host", "mail-host.pub", "mail-storage", "prod-state.json", "stack-export.json", "export.json"],
      ...["stack.json", "prod.checkpoint.json", "passphrase.txt", ".passphrase", "pulumi-passphrase", "x.p12"],
      ...["waiting-mail/spool/a.eml", "mail/a.eml", "a.eml", "reports.html", "recovery-kit.txt", "a.mobileconfig"],
    ].map((file) => [file] as const),
  )("of a kind that holds a secret is ignored by git: %s", (file) => {
    expect(isIgnored(file)).toBe(true);
  });

  it.each(["prod", "second", "example-org", "secret", "token-example-org", "password"])(
    "of a stack is not: Pulumi.%s.yaml",
    (stack) => {
      expect(isIgnored(`Pulumi.${stack}.yaml`)).toBe(false);
    },
  );

  it("of the project's own is not", () => {
    const { stdout } = spawnSync("git", ["ls-files", "-ci", "--exclude-standard"], { cwd: ROOT, encoding: "utf8" });
    expect(stdout).toBe("");
  });
});
