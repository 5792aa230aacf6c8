/**
 * What proves each command of README.md and docs/: the table that commands.test.ts holds them against. A test that is named
 * here takes the command from the page by `fromDocs`, and so runs what the page says.
 */

/** Commands that a test runs. */
interface RunByTest {
  readonly test: string;
  /** In which surroundings, for who reads the table. */
  readonly how: string;
  readonly commands: readonly string[];
}

/** A command that .ci/run has, in these words. */
interface RunByCi {
  readonly command: string;
  readonly line: readonly string[];
}

/** Commands that nothing here can run; their page says so, in these words. */
interface NotProven {
  readonly page: string;
  readonly says: string;
  readonly why: string;
  readonly commands: readonly string[];
}

export const RUN_BY: readonly RunByTest[] = [
  {
    test: "tests/engine/caa.test.ts",
    how: "the real pulumi's command line",
    commands: [
      "pulumi config set --path 'mail:caaIssuers[0]' letsencrypt.org --stack prod",
      "pulumi config set --path 'mail:caaIssuers[1]' pki.goog --stack prod",
      "pulumi config set --path 'mail:caaIssuers[2]' ssl.com --stack prod",
    ],
  },
  {
    test: "tests/engine/adopt.test.ts",
    how: "the real pulumi's command line; npm run adopt as a function of its arguments",
    commands: [
      "npm run adopt -- prod",
      "npm run adopt -- prod --dry-run",
      "pulumi import --file import-prod.json --generate-code=false --protect=false --stack prod",
      "pulumi preview --diff --stack prod",
      "pulumi up --stack prod",
    ],
  },
  {
    test: "tests/engine/ci-stacks.test.ts",
    how: "the script as a process, with the real pulumi; it has the two commands of the drift",
    commands: [
      "MAIL_STACKS=prod .ci/stacks preview",
      "pulumi preview --expect-no-changes",
      "pulumi refresh --preview-only --expect-no-changes",
    ],
  },
  {
    test: "tests/engine/cli.test.ts",
    how: "the real pulumi's command line, the program under its default runtime",
    commands: ["pulumi preview --refresh --expect-no-changes --stack prod", "pulumi preview --stack prod"],
  },
  {
    test: "tests/engine/commands.test.ts",
    how: "typed in bash in a checkout of its own: npm, the real pulumi, OpenSSH's client, the sandbox's world and host",
    commands: [
      "cat | pulumi config set --secret mail:backupEnvironment --stack prod",
      "cp stacks/first-domain.yaml Pulumi.prod.yaml",
      "echo sftp://u1@storage.example.org:23//home/mail | pulumi config set --secret mail:backupRepository --stack prod",
      "npm run spool -- prod export ~/waiting-mail",
      "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 | pulumi config set --secret mail:dkimRsaPrivateKey --stack prod",
      "openssl genpkey -algorithm ed25519 | pulumi config set --secret mail:dkimEd25519PrivateKey --stack prod",
      "openssl rand -base64 30 | pulumi config set --secret mail:accountPassword --stack prod",
      "openssl rand -base64 30 | pulumi config set --secret mail:adminPassword --stack prod",
      "openssl rand -base64 30 | pulumi config set --secret mail:backupPassword --stack prod",
      "pulumi config get mail:accountPassword --stack prod",
      "pulumi config get mail:backupPassword --stack prod",
      "pulumi config set --secret cloudflare:apiToken --stack prod",
      "pulumi config set --secret mail:backupPasswordPrevious --stack prod",
      "pulumi config set --secret mail:backupRepository --stack prod",
      "pulumi config set --secret mail:backupSshPrivateKey --stack prod < ~/.ssh/mail-storage",
      "pulumi config set --secret mail:hostSshPrivateKey --stack prod < ~/.ssh/id_ed25519",
      "pulumi config set --secret mail:resendApiKey --stack prod",
      "pulumi config set --secret tailscale:oauthClientSecret",
      'read -rs KEY && printf %s "$KEY" | npm run rotate -- resend-key --stack prod',
      "cat /etc/ssh/ssh_host_ed25519_key.pub",
      "df -h ~/apps",
      "docker compose config",
      "docker compose down",
      "docker compose run --rm -T onhost COMMAND",
      "docker compose stop",
      "docker compose up --wait",
      "export PULUMI_CONFIG_PASSPHRASE_FILE=...",
      "npm run client -- iphone --stack prod",
      "npm run client -- laptop --stack prod",
      "npm run client -- laptop --stack prod --os linux",
      "npm run client -- sheet --stack prod",
      "npm run doctor -- prod",
      "npm run doctor -- prod --canary",
      "npm run doctor -- prod --html doctor.html",
      "npm run doctor -- prod --json",
      "npm run doctor -- prod --only policy",
      "npm run doctor -- prod --resolver 9.9.9.9",
      "npm run doctor -- prod --watch",
      "npm run engine",
      "npm run new-domain -- example.org --host prod",
      "npm run new-domain -- example.org --host prod --dry-run",
      "npm run new-domain -- example.org --host prod --verify",
      "npm run recover -- prod",
      "npm run recovery-kit -- prod",
      "npm run reports -- prod",
      "npm run rotate -- worker-key --stack prod --dry-run",
      "npm run sandbox -- --domains 3",
      "npm run sandbox -- --help",
      "npm run settings -- <stack>",
      "npm run settings -- prod",
      "npm run settings -- second",
      "npm run spool -- prod list",
      "npm run spool -- second list",
      "npm run topology -- STACK --svg FILE",
      "npm run topology -- prod",
      "npm run upgrade -- prod --back --plan",
      "npm run upgrade -- prod --plan",
      "npm run zone -- <stack>",
      "npm run zone -- prod",
      "npm run zone -- second",
      "onhost verify",
      "pulumi config get mail:accountPassword",
      "pulumi config get mail:adminPassword",
      "pulumi config rm cloudflare:apiToken --stack prod",
      "pulumi config rm mail:dkimPublished",
      "pulumi config rm mail:hostAddress --stack second",
      "pulumi config set --path 'mail:aliases[0]' postmaster --stack prod",
      "pulumi config set mail:backupSshHostKey --stack prod < storage-host-keys",
      "pulumi config set mail:backup repository --stack prod",
      "pulumi config set mail:backup s3 --stack prod",
      "pulumi config set mail:backupBucket example-backups --stack prod",
      "pulumi config set mail:inbound off --stack prod",
      "pulumi config set mail:inbound off --stack second",
      "pulumi config set mail:protect false --stack prod",
      "pulumi config set mail:protect false --stack second",
      "pulumi config set mail:publicRateLimit false",
      "pulumi config set mail:spool none",
      "pulumi config set mail:tailnet dns-record",
      "pulumi config set mail:tailnetPolicy manage",
      "pulumi config set mail:workerKeyNumber 2",
      "pulumi config set tailscale:oauthClientId VALUE",
      "pulumi destroy --stack prod",
      "pulumi destroy --stack second",
      "pulumi import tailscale:index/acl:Acl tailnet-policy acl --generate-code=false --protect=false",
      "pulumi login --help",
      "pulumi login file://FOLDER",
      "pulumi preview --refresh --diff --stack prod",
      "pulumi preview --stack example-org",
      "pulumi stack --show-urns",
      "pulumi stack init --no-select",
      "pulumi stack init prod",
      "pulumi stack output dnssecDs --stack second",
      "pulumi stack output nextSteps",
      "pulumi stack output tailnetPolicy",
      "pulumi state delete URN",
      "pulumi up",
      "pulumi up --refresh",
      "pulumi up --replace URN",
      "pulumi up --stack second",
      "read -rs CLOUDFLARE_API_TOKEN && export CLOUDFLARE_API_TOKEN",
      "read -rs MAIL_PASSWORD && export MAIL_PASSWORD",
      "read -rs RESEND_API_KEY && export RESEND_API_KEY",
      "ssh -p PORT USER@ADDRESS true",
    ],
  },
  {
    test: "tests/engine/keep.test.ts",
    how: "a process on the real engine, ended by Ctrl-C",
    commands: ["npm run sandbox -- --keep"],
  },
  {
    test: "tests/unit/rotate/rotate.test.ts",
    how: "as a function of its arguments, with a model of pulumi's command line",
    commands: ["npm run rotate -- certificate-token"],
  },
  {
    test: "tests/engine/rotate.test.ts",
    how: "as functions of their arguments with the real pulumi's command line, while mail flows",
    commands: [
      "npm run rotate -- access-token --stack prod",
      "npm run rotate -- dkim --stack prod",
      "npm run rotate -- restic --stack prod",
      "npm run rotate -- tunnel-token --stack prod",
      "npm run rotate -- worker-key --stack prod",
    ],
  },
  {
    test: "tests/engine/state-s3.test.ts",
    how: "the real pulumi's command line with its state in an S3 server",
    commands: [
      "export PULUMI_BACKEND_URL='s3://BUCKET?region=REGION'",
      "PULUMI_BACKEND_URL='OLD' pulumi stack export --stack prod | pulumi stack import --stack prod",
      "pulumi cancel --stack prod",
    ],
  },
  {
    test: "tests/judges/backup-restic.test.ts",
    how: "in bash on a host with the shipped program, with the real restic",
    commands: [
      "grep -ril 'TEXT' mail/export",
      "mail-backup check --all",
      "mail-backup init",
      "mail-backup status",
      "mail-backup unlock",
      "restic -r s3:https://s3.REGION.amazonaws.com/BUCKET/PREFIX restore latest --include /export --target mail",
      "restic check",
      "~/apps/backup/mail-backup",
      "~/apps/backup/mail-backup backup",
      "~/apps/backup/mail-backup check --all",
      "~/apps/backup/mail-backup snapshots",
      "~/apps/backup/mail-backup status",
    ],
  },
  {
    test: "tests/judges/client-files.test.ts",
    how: "a process; openssl and cms judge",
    commands: ["npm run client -- iphone --stack prod --sign-key key.pem --sign-cert cert.pem --sign-chain chain.pem"],
  },
  {
    test: "tests/judges/cloudflared.test.ts",
    how: "the real cloudflared",
    commands: ["cloudflared access tcp"],
  },
  {
    test: "tests/judges/drill.test.ts",
    how: "the shipped program with the real restic, Cyrus in Stalwart's place",
    commands: ["mail-backup backup", "mail-backup drill", "mail-backup export"],
  },
  {
    test: "tests/judges/export.test.ts",
    how: "the shipped program as a process, against Cyrus",
    commands: [
      'grep -r -l "invoice" accounts/*/mail',
      "onhost compare FOLDER",
      "onhost export --check FOLDER",
      "onhost export --full",
      "onhost import FOLDER",
      "onhost import FOLDER --dry-run",
    ],
  },
  {
    test: "tests/judges/recover.test.ts",
    how: "npm as a process, OpenSSH's client, the real restic, Cyrus in Stalwart's place",
    commands: ["npm run recover -- prod reimport", "npm run recover -- prod restore"],
  },
  {
    test: "tests/engine/upgrade.test.ts",
    how: "as processes over SSH, with the real pulumi and restic, mail flowing; killed on the way",
    commands: ["npm run upgrade -- prod", "npm run upgrade -- prod --back"],
  },
  {
    test: "tests/judges/backup-password.test.ts",
    how: "the real restic",
    commands: ["restic key remove ID"],
  },
  {
    test: "tests/judges/backup-sftp.test.ts",
    how: "OpenSSH's own programs, against its server",
    commands: [
      "ssh-keygen -lf storage-host-keys",
      "ssh-keygen -t ed25519 -N '' -C mail-backup -f ~/.ssh/mail-storage",
      "ssh-keyscan -p 23 storage.example.org > storage-host-keys",
    ],
  },
  {
    test: "tests/unit/onhost/transfer.test.ts",
    how: "the program in its own process space, against the sandbox's Stalwart",
    commands: ["onhost canary"],
  },
];

export const BY_CI: readonly RunByCi[] = [
  { command: "npm ci && npm run sandbox", line: ["bash -c 'npm ci && npm run sandbox'"] },
  { command: "npm ci && npm test", line: ["bash -c 'npm ci && npm test'"] },
  { command: "npm ci", line: ["npm ci &&"] },
  { command: "npm test", line: ["npm test"] },
  { command: "npm run bench", line: ["npm run --silent bench\n"] },
  { command: "npm run generate -- --check", line: ["npm run --silent generate -- --check"] },
  { command: "npm run tools", line: ["npm run --silent tools -- "] },
  {
    command: "npm run check",
    line: [
      ...["npm run --silent format:check", "npm run --silent lint", "npm run --silent types"],
      ...["npm run --silent generate -- --check", "npm test"],
    ],
  },
];

export const NOT_PROVEN: readonly NotProven[] = [
  {
    page: "docs/backup.md",
    says: "Not run: Amazon's own S3 and IAM, a running systemd,",
    why: "no systemd runs where tests do; its files are judged by systemd-analyze",
    commands: [
      "sudo loginctl enable-linger USER",
      "systemctl --user list-timers",
      "journalctl --user -u mail-backup",
      "journalctl --user -u mail-backup-drill",
    ],
  },
  {
    page: "docs/backup.md",
    says: "on a real Docker, `rest-server --append-only`,",
    why: "an option of another program, for who wants it",
    commands: ["rest-server --append-only"],
  },
  {
    page: "docs/laptop.md",
    says: "Not proven: a running systemd, launchd and Windows' Task Scheduler themselves, and the login page.",
    why: "needs a desktop, and an account with Access",
    commands: ["systemctl --user status mail-<domain>-imaps", "cloudflared access login"],
  },
  {
    page: "docs/phone.md",
    says: "the commands of the table that look into a container or ask on a laptop",
    why: "needs a Docker engine, and a laptop in a tailnet of Tailscale's",
    commands: [
      "docker compose -p mail-stack logs --tail 50 traefik",
      "docker compose -p mail-stack exec tailscale tailscale --socket=/tailscale/run/tailscaled.sock status",
      "tailscale dns status",
      "nslookup stalwart.<domain> 100.x.y.z",
    ],
  },
  {
    page: "docs/host-stalwart.md",
    says: "(needs a running Stalwart, so no test does it)",
    why: "Stalwart's schema is not ours to keep here",
    commands: [
      "node --import tsx tools/stalwart-schema.ts VERSION schema.json > sandbox/host/registry/schema-VERSION.json",
    ],
  },
  {
    page: "docs/clients.md",
    says: "it needs chromium, so no test runs it",
    why: "chromium is not among the packages of .ci/run",
    commands: ["npm run pictures"],
  },
  {
    page: "docs/backup-format.md",
    says: "It is a measurement for an idle machine, so no test runs it",
    why: "a measurement, for an idle machine",
    commands: ["npm run bench:export"],
  },
  {
    page: "docs/domains.md",
    says: "It takes half an hour, and no test runs it",
    why: "a measurement, for an idle machine",
    commands: ["npm run bench:domains -- 100"],
  },
];

/** What a sentence calls a command by: its first words, and nothing that decides what it does. */
export const NAMES: readonly string[] = [
  ...["pulumi preview", "pulumi import", "pulumi refresh", "pulumi login", "pulumi destroy", "pulumi stack export"],
  ...["pulumi config set", "pulumi config set --secret"],
  ...[
    "npm run adopt",
    "npm run doctor",
    "npm run generate",
    "npm run new-domain",
    "npm run recover",
    "npm run sandbox",
  ],
  ...["npm run topology", "npm run zone", "onhost export", "onhost compare", "onhost import", "docker compose up"],
];

/** What looks like a command but is not one that a page tells its reader to type, with what it is. */
export const NOT_COMMANDS: Readonly<Record<string, string>> = {
  "git checkout": "a name for taking an older stack file",
  "unset SSH_AUTH_SOCK": "a word of the shell's own",
  "docker inspect": "who could read a file's content, in a decision",
  "tailscale serve": "an alternative that was rejected, in a decision",
  "tailscale cert": "an alternative that was rejected, in a decision",
};
