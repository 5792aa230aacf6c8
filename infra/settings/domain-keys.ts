import type { ConfigKey } from "./config-key";

/** Keys of a mail domain, and of the host's mail server. */
export const DOMAIN_KEYS = {
  domain: {
    type: "string",
    description: "The mail domain: a zone of the Cloudflare account, lower case, in ASCII (A-labels for an IDN).",
    example: "example.org",
  },
  hostStack: {
    type: "string",
    description:
      "Name of the stack that has the host; set, this stack is a further domain on it and needs nothing of the host's (docs/domains.md).",
    default: "",
    derived: "this stack has the host",
    example: "prod",
  },
  accountId: {
    type: "string",
    ofHost: true,
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
    ofHost: true,
    description:
      "How the Worker brings mail home: `jmap` stores it as it came, `lmtp` hands it to Stalwart's own delivery with Sieve, vacation and spam filter (docs/lmtp.md).",
    default: "jmap",
    example: "lmtp",
  },
  serverHostname: {
    type: "string",
    ofHost: true,
    description: "Public name of the mail server: JMAP, administration, autoconfiguration; one label below the domain.",
    default: "",
    derived: "`stalwart.<domain>`",
    example: "stalwart.example.org",
  },
  inboundHostname: {
    type: "string",
    ofHost: true,
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
  publicRateLimit: {
    type: "boolean",
    description:
      "Declares the zone's rate limiting rule in front of the public Worker. A zone has one set of these rules: `false` leaves them to you (docs/start.md).",
    default: true,
    example: "false",
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
    example: "...",
    input: { pipe: "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048" },
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
    example: "...",
    input: { pipe: "openssl genpkey -algorithm ed25519" },
  },
  dkimPublished: {
    type: "string",
    description:
      "Public DKIM keys to publish besides those that sign now, as `selector:rsa:KEY` or `selector:ed25519:KEY` with spaces between: keys that will sign later, and keys whose signatures are still in transit. `npm run rotate -- dkim --stack prod` writes it.",
    default: "",
    example: "202611r:rsa:MIIB...",
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
      "The only certificate authorities that may issue for the domain and all names below it (CAA); with an empty list there is no record. " +
      "Name the authority of every website too, or its next certificate is refused. Edge and host use letsencrypt.org, pki.goog and ssl.com.",
    default: [],
    example: '["letsencrypt.org","pki.goog","ssl.com"]',
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
    ofHost: true,
    description: "Resend API key with sending access; the SMTP relay's password.",
    secret: true,
    example: "re_...",
  },
  adminPassword: {
    type: "string",
    ofHost: true,
    description: "Password of Stalwart's permanent administrator, `admin@<domain>`.",
    secret: true,
    example: "...",
    input: { pipe: "openssl rand -base64 30" },
  },
  accountPassword: {
    type: "string",
    description:
      "First password of the primary account. It is set when the account has none; afterwards its owner changes it.",
    secret: true,
    example: "...",
    input: { pipe: "openssl rand -base64 30" },
  },
  workerKeyNumber: {
    type: "integer",
    ofHost: true,
    description:
      "Number of the API key with which the Worker imports mail, 1 to 9999. The host mints it; one more makes a new one and withdraws the old once the Worker has it.",
    default: 1,
    example: "2",
  },
  workerKeyKept: {
    type: "integer",
    ofHost: true,
    description: "Number of the former API key of the Worker that is not withdrawn yet, 1 to 9999; 0 for none.",
    default: 0,
    example: "0",
  },
} as const satisfies Record<string, ConfigKey>;
