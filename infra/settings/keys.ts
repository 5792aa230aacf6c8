/**
 * Every configuration key of the project, once. `Pulumi.yaml`, `docs/reference.md`, the settings parser and its
 * spelling help are made from this table; nothing else names a key's type, default or secrecy.
 */

/** Type names of Pulumi's project configuration schema (`Pulumi.yaml`, section `config`). */
export type KeyType = "string" | "integer" | "boolean" | "array";

export interface ConfigKey {
  readonly type: KeyType;
  /** One sentence for the operator; the reference page and `Pulumi.yaml` show it. */
  readonly description: string;
  /**
   * `undefined` for a required key. Pulumi refuses a stack without a value for a key that has no default, so required
   * plain keys get `""` in `Pulumi.yaml` and are reported by the parser together with all other problems.
   */
  readonly default?: string | number | boolean | readonly (string | number)[];
  /** What the parser uses when the key is absent, where that depends on other keys; shown in the reference page. */
  readonly derived?: string;
  /** Must be stored encrypted (`pulumi config set --secret`). */
  readonly secret?: true;
  /**
   * A secret that only some deployments need: a value must be stored encrypted, none is fine. Pulumi's own schema cannot
   * say so: there a secret is always required, because a default would lie in the clear.
   */
  readonly encrypted?: true;
  /** May hold something secret (a URL with a token in it): never shown, stored encrypted or not as one likes. */
  readonly sensitive?: true;
  /** A value for examples and for the command that mends a problem. */
  readonly example: string;
}

export const PROJECT = "mail";

export const KEYS = {
  domain: {
    type: "string",
    description: "The mail domain: a zone of the Cloudflare account, lower case, in ASCII (A-labels for an IDN).",
    example: "example.org",
  },
  accountId: {
    type: "string",
    description: "Cloudflare account id, 32 hexadecimal digits (dashboard, Account home, Copy account ID).",
    example: "0123456789abcdef0123456789abcdef",
  },
  primaryAddress: {
    type: "string",
    description: "The primary account's address, in the mail domain; it also receives Cloudflare's alerts.",
    example: "root@example.org",
  },
  aliases: {
    type: "array",
    description: "Further addresses of the primary account. RFC 2142 asks for postmaster and abuse.",
    default: ["postmaster", "abuse"],
    example: '["postmaster","abuse"]',
  },
  catchAll: {
    type: "string",
    description: "Address of the account that takes mail for every other local part; `none` refuses such mail.",
    default: "",
    derived: "the primary address",
    example: "root@example.org",
  },
  inbound: {
    type: "string",
    description: "`worker` carries inbound mail to the host; `off` makes Email Routing drop it (for tear-down).",
    default: "worker",
    example: "worker",
  },
  inboundDelivery: {
    type: "string",
    description:
      "How the Worker brings mail home: `jmap` stores it as it came, `lmtp` hands it to Stalwart's own delivery with Sieve, vacation and spam filter (docs/lmtp.md).",
    default: "jmap",
    example: "lmtp",
  },
  serverHostname: {
    type: "string",
    description: "Public name of the mail server: JMAP, administration, autoconfiguration; one label below the domain.",
    default: "",
    derived: "`stalwart.<domain>`",
    example: "stalwart.example.org",
  },
  inboundHostname: {
    type: "string",
    description:
      "Name by which only the Worker reaches the mail server, behind Cloudflare Access; one label below the domain.",
    default: "",
    derived: "`inbound.<domain>`",
    example: "inbound.example.org",
  },
  workerName: {
    type: "string",
    description: "Name of the inbound Worker. Renaming it unbinds the catch-all for the length of one update.",
    default: "mail-inbound",
    example: "mail-inbound",
  },
  spool: {
    type: "string",
    description:
      "Where mail waits while the host does not answer: `r2` (a bucket, drained by a cron trigger), or `none` (the sending servers keep it).",
    default: "r2",
    example: "r2",
  },
  spoolAlertUrl: {
    type: "string",
    description:
      "https URL that gets a POST when mail waits too long (ntfy, Healthchecks or any other). May be stored encrypted: who knows it can post there.",
    default: "",
    derived: "no alert",
    sensitive: true,
    example: "https://ntfy.sh/TOPIC",
  },
  spoolAlertAfterMinutes: {
    type: "integer",
    description: "Age of the oldest waiting message at which the alert is sent, in minutes, 5 to 10080.",
    default: 60,
    example: "60",
  },
  ledgerDays: {
    type: "integer",
    description:
      "How long the Worker remembers what it delivered, so that a message sent again is not delivered twice; in days, 7 to 365.",
    default: 30,
    example: "30",
  },
  services: {
    type: "array",
    description:
      "Services that clients may discover (SRV records); of the known ones, those not listed are published as not offered.",
    default: ["jmap", "caldavs", "carddavs", "imaps", "submissions", "submission"],
    example: '["jmap","imaps","submissions"]',
  },
  dkimRsaSelector: {
    type: "string",
    description: "Selector of the RSA DKIM key with which Stalwart signs.",
    example: "202602r",
  },
  dkimRsaPrivateKey: {
    type: "string",
    description: "RSA DKIM private key as PEM, 2048 to 4096 bits; the record's public half is derived from it.",
    secret: true,
    example: "dkim-rsa.pem",
  },
  dkimEd25519Selector: {
    type: "string",
    description: "Selector of the Ed25519 DKIM key with which Stalwart signs.",
    example: "202602e",
  },
  dkimEd25519PrivateKey: {
    type: "string",
    description: "Ed25519 DKIM private key as PEM; the record's public half is derived from it.",
    secret: true,
    example: "dkim-ed25519.pem",
  },
  dmarcPolicy: {
    type: "string",
    description: "DMARC policy for the domain: `none`, `quarantine` or `reject`.",
    default: "reject",
    example: "reject",
  },
  dmarcAggregateAddress: {
    type: "string",
    description: "Where DMARC aggregate reports go (rua).",
    default: "",
    derived: "`postmaster@<domain>`",
    example: "postmaster@example.org",
  },
  dmarcFailureAddress: {
    type: "string",
    description: "Where DMARC failure reports go (ruf); `none` leaves the tag out.",
    default: "none",
    example: "postmaster@example.org",
  },
  tlsReportAddress: {
    type: "string",
    description: "Where SMTP TLS reports go (RFC 8460).",
    default: "",
    derived: "`postmaster@<domain>`",
    example: "postmaster@example.org",
  },
  caaIssuers: {
    type: "array",
    description:
      "Certificate authorities allowed to issue for the domain (CAA): Cloudflare's edge and the host use these.",
    default: ["letsencrypt.org", "pki.goog", "ssl.com"],
    example: '["letsencrypt.org","pki.goog"]',
  },
  routingMxPriorities: {
    type: "array",
    description:
      "Priorities that Email Routing gave this zone's route1, route2 and route3; for the zone file and checks only.",
    default: [50, 64, 82],
    example: "[50,64,82]",
  },
  routingDkim: {
    type: "string",
    description:
      "Email Routing's own DKIM record for this zone (TXT at cf2024-1._domainkey); for the zone file and checks only.",
    default: "",
    derived: "left out of the zone file",
    example: "v=DKIM1; h=sha256; k=rsa; p=MIIB...",
  },
  resendRecords: {
    type: "array",
    description:
      "The DNS records that Resend asks for: items of its `records[]` (record, type, name, value, priority).",
    default: [],
    example: '[{"record":"DKIM","type":"TXT","name":"resend._domainkey","value":"p=MIGf..."}]',
  },
  resendApiKey: {
    type: "string",
    description: "Resend API key with sending access; the SMTP relay's password.",
    secret: true,
    example: "re_...",
  },
  adminPassword: {
    type: "string",
    description: "Password of Stalwart's permanent administrator, `admin@<domain>`.",
    secret: true,
    example: "FILE",
  },
  accountPassword: {
    type: "string",
    description:
      "First password of the primary account. It is set when the account has none; afterwards its owner changes it.",
    secret: true,
    example: "FILE",
  },
  workerKeyNumber: {
    type: "integer",
    description:
      "Number of the API key with which the Worker imports mail, 1 to 9999. The host mints it; one more makes a new one and withdraws the old once the Worker has it.",
    default: 1,
    example: "2",
  },
  backup: {
    type: "string",
    description:
      "Where the nightly backups go: `s3` (a bucket of AWS, made or adopted here), `repository` (any other restic repository; no AWS account is needed), or `off`.",
    default: "off",
    example: "s3",
  },
  backupBucket: {
    type: "string",
    description: "With `s3`: the bucket's name, unique in the world.",
    default: "",
    example: "example-backups",
  },
  backupPrefix: {
    type: "string",
    description: "With `s3`: the folder in the bucket; the host can reach nothing else in it.",
    default: "mail",
    example: "mail",
  },
  backupRegion: {
    type: "string",
    description: "With `s3`: the bucket's region. It cannot be changed later.",
    default: "us-east-1",
    example: "eu-central-1",
  },
  backupBucketImport: {
    type: "boolean",
    description: "With `s3`: the bucket exists already and is adopted instead of made.",
    default: false,
    example: "true",
  },
  backupRepository: {
    type: "string",
    description:
      "With `repository`: restic's name for it (`rest:https://…`, `s3:https://…` for R2 and others, `b2:…`, `azure:…`, `swift:…`). May be stored encrypted: it may hold a password.",
    default: "",
    sensitive: true,
    example: "rest:https://backup.example.org/mail",
  },
  backupPassword: {
    type: "string",
    description: "The password that encrypts the backups. Keep a copy outside: without it no backup can be read.",
    default: "",
    derived: "none; secret, required for backups",
    encrypted: true,
    example: "FILE",
  },
  backupEnvironment: {
    type: "string",
    description:
      "With `repository`: what restic needs to log in there, as lines `NAME=value` (`B2_ACCOUNT_ID`, `AWS_ACCESS_KEY_ID`, …).",
    default: "",
    derived: "none; secret",
    encrypted: true,
    example: "FILE",
  },
  backupKeep: {
    type: "array",
    description: "How many backups are kept: the last of so many days, weeks and months.",
    default: [14, 8, 12],
    example: "[14,8,12]",
  },
  backupExportAt: {
    type: "string",
    description: "When the mail is exported as files, in the host's time.",
    default: "02:45",
    example: "02:45",
  },
  backupAt: {
    type: "string",
    description: "When the backup is made, in the host's time. Stalwart stands still for a few seconds.",
    default: "03:00",
    example: "03:00",
  },
  backupDrill: {
    type: "string",
    description: "How often the newest backup is restored on the host and compared: `monthly`, `weekly` or `off`.",
    default: "monthly",
    example: "monthly",
  },
  backupAlertUrl: {
    type: "string",
    description: "https URL that gets a POST when an export, backup, check or drill fails. May be stored encrypted.",
    default: "",
    derived: "no alert",
    sensitive: true,
    example: "https://ntfy.sh/TOPIC",
  },
  backupHeartbeatUrl: {
    type: "string",
    description:
      "https URL that is told of each backup's start (`/start`), success and failure (`/fail`), as Healthchecks wants it: who hears nothing for a day raises the alarm. May be stored encrypted.",
    default: "",
    derived: "no heartbeat",
    sensitive: true,
    example: "https://hc-ping.com/UUID",
  },
  hostAddress: {
    type: "string",
    description: "The docker host's address for SSH: a name or an IP address.",
    example: "192.0.2.10",
  },
  hostPort: { type: "integer", description: "The docker host's SSH port, 1 to 65535.", default: 22, example: "22" },
  hostUser: {
    type: "string",
    description: "The user on the docker host, member of the group docker.",
    example: "mail",
  },
  hostKey: {
    type: "string",
    description: "The docker host's Ed25519 host key in authorized_keys form (`ssh-keyscan -t ed25519 HOST`).",
    example: "ssh-ed25519 AAAAC3Nz...",
  },
  hostSshPrivateKey: {
    type: "string",
    description: "SSH private key for the docker host, unencrypted OpenSSH or PEM form.",
    secret: true,
    example: "id_ed25519",
  },
  hostFolder: {
    type: "string",
    description: "Folder of the mail services on the host, below the user's home.",
    default: "apps",
    example: "apps",
  },
  hostSubnet: {
    type: "string",
    description: "Private IPv4 /24 for the compose networks; nothing else on the host may use it.",
    default: "172.30.25.0/24",
    example: "10.99.25.0/24",
  },
  tailnet: {
    type: "string",
    description:
      "How phones reach IMAP and submission over a tailnet: `split-dns` (the server's name, resolved on the tailnet), `dns-record` (`imap.<domain>`, a public record of the tailnet address), or `off`.",
    default: "off",
    example: "dns-record",
  },
  tailnetTag: {
    type: "string",
    description: "The tag that the host has in the tailnet; the tailnet's policy must name an owner for it.",
    default: "tag:mail",
    example: "tag:mail",
  },
  tailnetHostname: {
    type: "string",
    description: "The host's machine name in the tailnet.",
    default: "mail",
    example: "mail",
  },
  tailnetPolicy: {
    type: "string",
    description:
      "`output` shows what the tailnet's policy file needs as the stack's output `tailnetPolicy`; `manage` adds it to the file, which has to be imported first (docs/phone.md).",
    default: "output",
    example: "output",
  },
  tailnetKeyNumber: {
    type: "integer",
    description:
      "Number of the key with which the host joins the tailnet, 1 to 9999. Each works once; one more makes the host join anew as another machine (lost state, expired key, other tag).",
    default: 1,
    example: "2",
  },
  clientTcp: {
    type: "array",
    description:
      "Services for laptops through the Cloudflare tunnel (`cloudflared access tcp`): `imaps`, `submissions`, `sieve`.",
    default: [],
    example: '["imaps","submissions"]',
  },
  clientPeople: {
    type: "array",
    description: "Addresses of the people whom Cloudflare Access lets through to `clientTcp`.",
    default: [],
    derived: "the primary address",
    example: '["me@example.org"]',
  },
  protect: {
    type: "boolean",
    description: "Protects the tunnel, DKIM records, DNSSEC and Email Routing from deletion; `false` for test stacks.",
    default: true,
    example: "true",
  },
} as const satisfies Record<string, ConfigKey>;

export type KeyName = keyof typeof KEYS;
