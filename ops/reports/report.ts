/** What mailbox providers report about a domain, free of the form in which they sent it. */

/** RFC 7489 section 7.2 and appendix C: what one receiver saw in one period. */
export interface AggregateReport {
  readonly kind: "dmarc";
  readonly reporter: string;
  readonly id: string;
  readonly domain: string;
  readonly begin: Date;
  readonly end: Date;
  /** The policy that the receiver found in DNS: `none`, `quarantine` or `reject`. */
  readonly policy: string;
  readonly rows: readonly AggregateRow[];
}

/** Messages of one source with the same outcome. */
export interface AggregateRow {
  readonly sourceIp: string;
  readonly count: number;
  /** What the receiver did: `none`, `quarantine`, `reject`, or what it wrote instead. */
  readonly disposition: string;
  /** A signature that passed and is aligned with the From domain. */
  readonly dkimAligned: boolean;
  /** SPF passed and is aligned with the From domain. */
  readonly spfAligned: boolean;
  /** Why the receiver did something else than the policy says, `forwarded`, `mailing_list`. */
  readonly reasons: readonly string[];
  readonly headerFrom: string;
  readonly dkim: readonly Authentication[];
  readonly spf: readonly Authentication[];
}

export interface Authentication {
  readonly domain: string;
  /** Of DKIM. */
  readonly selector?: string;
  /** `pass`, `fail`, `none`, ... */
  readonly result: string;
}

/** RFC 8460 section 4: how deliveries to the domain were encrypted. */
export interface TlsReport {
  readonly kind: "tls";
  readonly reporter: string;
  readonly id: string;
  readonly domain: string;
  readonly begin: Date;
  readonly end: Date;
  readonly policies: readonly TlsPolicy[];
}

export interface TlsPolicy {
  /** `sts`, `tlsa` or `no-policy-found`. */
  readonly type: string;
  readonly successes: number;
  readonly failures: number;
  readonly details: readonly TlsFailure[];
}

export interface TlsFailure {
  /** RFC 8460 section 4.3, `starttls-not-supported`. */
  readonly type: string;
  readonly count: number;
  readonly mx: string | undefined;
}

export type Report = AggregateReport | TlsReport;

/** A mail or attachment that is no readable report; the message says why, in the reader's words. */
export class UnreadableReport extends Error {
  override readonly name = "UnreadableReport";
}
