import type { Secret } from "./secret";

/** Services that a client discovers by SRV (RFC 6186, 6764, 8314, 8620). Ports are fixed by the deployment. */
export type Service = "jmap" | "caldavs" | "carddavs" | "imaps" | "submissions" | "submission" | "sieve";

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
}

/** A restic repository that somebody else owns. */
export interface BackupRepository {
  readonly kind: "repository";
  /** As restic's `--repo` takes it. */
  readonly url: Secret;
  /** Lines `NAME=value`, or nothing. */
  readonly environment: Secret;
}

export interface BackupSettings {
  readonly target: BackupBucket | BackupRepository;
  readonly password: Secret;
  readonly keep: { readonly daily: number; readonly weekly: number; readonly monthly: number };
  /** Times of day on the host, `02:45`. */
  readonly exportAt: string;
  readonly at: string;
  readonly drill: "monthly" | "weekly" | "off";
  /** Both reveal "" when nobody is to be told. */
  readonly alertUrl: Secret;
  readonly heartbeatUrl: Secret;
}

/** A validated deployment: names are lower-case FQDNs without trailing dot, addresses are lower case and complete. */
export interface Settings {
  readonly domain: string;
  readonly accountId: string;
  readonly primaryAddress: string;
  /** Complete addresses. */
  readonly aliases: readonly string[];
  /** Complete address, or undefined: mail for unknown local parts is refused. */
  readonly catchAll: string | undefined;
  readonly inbound: "worker" | "off";
  readonly hostnames: {
    readonly server: string;
    readonly inbound: string;
    readonly mtaSts: string;
    readonly autoconfig: string;
    readonly autodiscover: string;
  };
  readonly workerName: string;
  /** Where mail waits while home does not take it; undefined: nowhere, the sending server keeps it. */
  readonly spool: SpoolSettings | undefined;
  readonly services: readonly Service[];
  readonly dkim: { readonly rsa: DkimKey; readonly ed25519: DkimKey };
  readonly dmarc: {
    readonly policy: "none" | "quarantine" | "reject";
    readonly aggregateAddress: string;
    readonly failureAddress: string | undefined;
  };
  readonly tlsReportAddress: string;
  readonly caaIssuers: readonly string[];
  /** What Email Routing itself publishes in this zone. */
  readonly routing: { readonly mxPriorities: readonly [number, number, number]; readonly dkim: string | undefined };
  readonly resend: { readonly records: readonly ResendRecord[]; readonly apiKey: Secret };
  readonly stalwart: {
    readonly adminPassword: Secret;
    /** Only for an account that has no password yet. */
    readonly accountPassword: Secret;
    /** Which of its keys the Worker uses; the host mints it. */
    readonly workerKeyNumber: number;
  };
  /** Undefined: there are no backups. */
  readonly backup: BackupSettings | undefined;
  readonly host: {
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
  };
  readonly protect: boolean;
}
