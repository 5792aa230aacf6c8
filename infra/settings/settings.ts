import type { PublishedKey } from "./rotation";
import type { Secret } from "./secret";

/** Services that a client discovers by SRV (RFC 6186, 6764, 8314, 8620). Ports are fixed by the deployment. */
export type Service = "jmap" | "caldavs" | "carddavs" | "imaps" | "submissions" | "submission" | "sieve";

/** Services that the Cloudflare tunnel can carry as TCP. */
export type TunnelledService = "imaps" | "submissions" | "sieve";

export interface TailnetSettings {
  /** `split-dns`: the tailnet resolves the server's name to the host; `dns-record`: a public record names its address. */
  readonly mode: "split-dns" | "dns-record";
  /** `tag:mail`. */
  readonly tag: string;
  /** The machine's name in the tailnet, one label. */
  readonly hostname: string;
  /** Whether the policy file's part is only told, or written. */
  readonly policy: "output" | "manage";
  /** Which of its keys the host joins with; each joins once, as a machine of its own. */
  readonly keyNumber: number;
}

/** One item of Resend's `records[]` (GET /domains/{id}), as the stack file keeps it. Names are relative to the domain. */
export interface ResendRecord {
  readonly record: string;
  readonly type: "MX" | "TXT" | "CNAME";
  readonly name: string;
  readonly value: string;
  /** Only for MX. */
  readonly priority?: number;
}

export interface DkimKey {
  /** One DNS label. */
  readonly selector: string;
  readonly privateKey: Secret;
  /** Base64 for the record's `p=`: SubjectPublicKeyInfo for RSA (RFC 6376), the 32 raw bytes for Ed25519 (RFC 8463). */
  readonly publicKey: string;
}

export interface SpoolSettings {
  readonly bucket: string;
  /** Reveals "" when nobody is to be told. */
  readonly alertUrl: Secret;
  readonly alertAfterMinutes: number;
  /** How long delivered messages are remembered. */
  readonly ledgerDays: number;
}

/** An S3 bucket that this program owns. */
export interface BackupBucket {
  readonly kind: "s3";
  readonly bucket: string;
  /** Without `/` at either end. */
  readonly prefix: string;
  readonly region: string;
  /** The bucket exists already and is taken over. */
  readonly isAdopted: boolean;
  /** Which of its access keys the host uses. */
  readonly keyNumber: number;
  /** The former one, for a backup that began with it; undefined: none. */
  readonly keptKeyNumber: number | undefined;
}

/** A restic repository that somebody else owns. */
export interface BackupRepository {
  readonly kind: "repository";
  /** As restic's `--repo` takes it. */
  readonly url: Secret;
  /** Lines `NAME=value`, or nothing. */
  readonly environment: Secret;
  /** Where `url` begins with `sftp:`, and only there. */
  readonly sftp: SftpLogin | undefined;
}

/** How restic's ssh logs in at the storage, and by what it knows it. */
export interface SftpLogin {
  /** In OpenSSH's form, without passphrase. */
  readonly privateKey: Secret;
  /** `TYPE BASE64`; at least one. */
  readonly hostKeys: readonly string[];
}

export interface BackupSettings {
  readonly target: BackupBucket | BackupRepository;
  readonly password: Secret;
  /** Opens the repository until the host has given it the present one; undefined: there is none. */
  readonly previousPassword: Secret | undefined;
  readonly keep: { readonly daily: number; readonly weekly: number; readonly monthly: number };
  /** Times of day on the host, `02:45`. */
  readonly exportAt: string;
  readonly at: string;
  readonly drill: "monthly" | "weekly" | "off";
  /** Both reveal "" when nobody is to be told. */
  readonly alertUrl: Secret;
  readonly heartbeatUrl: Secret;
}

/** How the docker host is reached by SSH, and where its files lie. */
export interface HostSettings {
  readonly address: string;
  readonly port: number;
  readonly user: string;
  /** `ssh-ed25519 <base64>` without comment. */
  readonly key: string;
  readonly sshPrivateKey: Secret;
  /** One name below the user's home. */
  readonly folder: string;
  /** A private IPv4 network of 256 addresses, `172.30.25.0/24`. */
  readonly subnet: string;
}

/** What every mail domain has. Names are lower-case FQDNs without trailing dot, addresses are lower case and complete. */
export interface DomainSettings {
  readonly domain: string;
  readonly accountId: string;
  readonly primaryAddress: string;
  /** Complete addresses. */
  readonly aliases: readonly string[];
  /** Complete address, or undefined: mail for unknown local parts is refused. */
  readonly catchAll: string | undefined;
  readonly inbound: "worker" | "off";
  /** How the Worker brings mail home. */
  readonly inboundDelivery: "jmap" | "lmtp";
  readonly hostnames: {
    /** Of the server: the host's domain has it. */
    readonly server: string;
    readonly inbound: string;
    /** Leads to Stalwart's LMTP listener; there is nothing behind it unless mail comes that way. */
    readonly lmtp: string;
    /** What clients use for IMAP, submission and sieve; it answers on these ports. */
    readonly clients: string;
    readonly mtaSts: string;
    readonly autoconfig: string;
    readonly autodiscover: string;
  };
  readonly workerName: string;
  /** Where mail waits while home does not take it; undefined: nowhere, the sending server keeps it. */
  readonly spool: SpoolSettings | undefined;
  readonly services: readonly Service[];
  /** The stack owns the zone's rate limiting rules. */
  readonly publicRateLimit: boolean;
  readonly dkim: {
    readonly rsa: DkimKey;
    readonly ed25519: DkimKey;
    /** Keys that will sign, and those that did. */
    readonly published: readonly PublishedKey[];
  };
  readonly dmarc: {
    readonly policy: "none" | "quarantine" | "reject";
    readonly aggregateAddress: string;
    readonly failureAddress: string | undefined;
  };
  readonly tlsReportAddress: string;
  readonly caaIssuers: readonly string[];
  /** What Email Routing itself publishes in this zone. */
  readonly routing: { readonly mxPriorities: readonly [number, number, number]; readonly dkim: string | undefined };
  readonly resend: { readonly records: readonly ResendRecord[] };
  readonly stalwart: {
    /** Only for an account that has no password yet. */
    readonly accountPassword: Secret;
  };
  readonly host: HostSettings;
  readonly protect: boolean;
}

/** A validated deployment: the first domain, with the host. */
export interface Settings extends DomainSettings {
  readonly hostnames: DomainSettings["hostnames"] & {
    /** Where the TCP tunnel's services are, if they are offered. */
    readonly tcp: Readonly<Record<TunnelledService, string>>;
  };
  readonly resend: DomainSettings["resend"] & { readonly apiKey: Secret };
  readonly stalwart: DomainSettings["stalwart"] & {
    readonly adminPassword: Secret;
    /** Which of its keys the Worker uses; the host mints it. */
    readonly workerKeyNumber: number;
    /** The former one, which is not withdrawn yet; undefined: none. */
    readonly workerKeyKept: number | undefined;
  };
  readonly edge: {
    /** Which service token the Worker shows to Access. */
    readonly accessTokenNumber: number;
    /** The former one that is still let in; undefined: none. */
    readonly accessTokenKept: number | undefined;
    /** Base64; undefined: Cloudflare chose it. */
    readonly tunnelSecret: Secret | undefined;
  };
  /** How the host proves to the certificate authority that its names are the operator's (DNS-01). */
  readonly acme: {
    /** The number of the program's token that the host has. */
    readonly tokenNumber: number;
    /** A token made by hand in its place; undefined: the program makes one. */
    readonly dnsToken: Secret | undefined;
    /** The zone that the challenges are led to; undefined: they stay in the mail domain's. */
    readonly zone: string | undefined;
  };
  /** Undefined: there are no backups. */
  readonly backup: BackupSettings | undefined;
  /** How phones reach the host; undefined: not by a tailnet. */
  readonly tailnet: TailnetSettings | undefined;
  /**
   * Who can reach the web interface at the public name: the people whom Access lets in, everybody, or nobody. On the tailnet it
   * is always available.
   */
  readonly adminAccess: "access" | "public" | "tailnet";
  /** What the Cloudflare tunnel carries for laptops, and whom Access lets in. */
  readonly clientTcp: { readonly services: readonly TunnelledService[]; readonly people: readonly string[] };
}

/** A further domain on a host that another stack has. What it does not have itself, that stack offers. */
export interface FurtherSettings extends DomainSettings {
  /** That stack's name. */
  readonly hostStack: string;
  /** That stack's domain. */
  readonly hostDomain: string;
}
