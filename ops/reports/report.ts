/** What mailbox providers report about a domain, free of the form in which they sent it. */

/** RFC 7489 section 7.2 and appendix C: what one receiver saw in one period. */
export interface AggregateReport {
  readonly kind: "dmarc";
  /** As it names itself; empty when it does not. */
  readonly reporter: string;
  /** Domain of the address at which the reporter can be asked. */
  readonly contact: string | undefined;
  readonly id: string;
  readonly domain: string;
  readonly begin: Date | undefined;
  readonly end: Date | undefined;
  /** The policy that the receiver found in DNS: `none`, `quarantine` or `reject`; empty when it does not say. */
  readonly policy: string;
  readonly rows: readonly AggregateRow[];
  /** What could not be read or used, as clauses: `2 rows without a count are left out`. */
  readonly gaps: readonly string[];
}

/** Messages of one source with the same outcome. */
export interface AggregateRow {
  /** Empty when the receiver does not say. */
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
  /** Of SPF (RFC 7489 appendix C): `helo` says nothing about the envelope's sender. */
  readonly scope?: string;
}

/** RFC 8460 section 4: how deliveries to the domain were encrypted. */
export interface TlsReport {
  readonly kind: "tls";
  readonly reporter: string;
  readonly contact: string | undefined;
  readonly id: string;
  readonly begin: Date | undefined;
  readonly end: Date | undefined;
  readonly policies: readonly TlsPolicy[];
  readonly gaps: readonly string[];
}

export interface TlsPolicy {
  /**
   * What the policy is about: the mail domain, or the name of an exchanger for DANE (RFC 8460 section 4.3.1). Empty when the
   * report does not say.
   */
  readonly domain: string;
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

/** A mail or attachment that is not a readable report; the message says why, in the reader's words. */
export class UnreadableReport extends Error {
  override readonly name = "UnreadableReport";
}
