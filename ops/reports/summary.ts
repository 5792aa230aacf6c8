/** What a run of `npm run reports` says. */

/** What the summary knows of the deployment. */
export interface Sender {
  readonly domain: string;
  /** Selectors with which the deployment itself signs: Stalwart's two and Resend's. */
  readonly selectors: readonly string[];
  /** Envelope domains that the deployment uses, `send.example.org`. */
  readonly envelopes: readonly string[];
  /** Names of the domain's mail exchangers: reports about DANE name these instead of the domain. */
  readonly exchangers: readonly string[];
  readonly policy: "none" | "quarantine" | "reject";
}

/**
 * `own`: passes with the deployment's keys or envelope; `aligned`: passes with another of the domain's keys; `forwarded`: its
 * own signature is gone or its route has changed, and a receiver said so; `foreign`: authenticates as somebody else;
 * `forged`: authenticates as nobody.
 */
export type SourceKind = "own" | "aligned" | "forwarded" | "foreign" | "forged";

/** Everybody who sends in the same way under the domain's name. */
export interface Source {
  readonly kind: SourceKind;
  /** The organisation as its mail authenticates, or its network. */
  readonly name: string;
  /** At most {@link MAX_LISTED} of them. */
  readonly addresses: readonly string[];
  readonly messages: number;
  /** Passed DMARC: an aligned signature or an aligned envelope. */
  readonly passed: number;
  readonly dkimPassed: number;
  readonly spfPassed: number;
  /** Put aside or refused by receivers. */
  readonly stopped: number;
  readonly reporters: readonly string[];
  readonly advice: string;
}

export interface TlsSummary {
  readonly successes: number;
  readonly failures: number;
  readonly problems: readonly {
    readonly type: string;
    readonly count: number;
    readonly mx: readonly string[];
    readonly advice: string;
  }[];
  /** Policies about names that are neither the domain's nor its exchangers'. */
  readonly elsewhere: number;
}

/** A mail, or a part of one, that could not be read, and why. */
export interface Unread {
  readonly subject: string;
  readonly receivedAt: string;
  readonly reason: string;
}

/** A report that counts although some of it could not be read. */
export interface Partial {
  readonly reporter: string;
  readonly id: string;
  readonly gaps: readonly string[];
}

/** What the summary is based on. */
export interface Reading {
  /** Mails to the report addresses without any report. */
  readonly otherMails: number;
  /** How many mails or parts could not be read; the first {@link MAX_LISTED} are in `unread`. */
  readonly unreadable: number;
  readonly unread: readonly Unread[];
  /** The same for reports that were partly read. */
  readonly partial: number;
  readonly partlyRead: readonly Partial[];
  /** Why not all mails of the period were looked at. */
  readonly limit: string | undefined;
}

export interface Summary extends Reading {
  readonly domain: string;
  /** Distinct reports that count. */
  readonly dmarcReports: number;
  readonly tlsReports: number;
  readonly reporters: readonly string[];
  readonly begin: Date | undefined;
  readonly end: Date | undefined;
  readonly messages: number;
  readonly passed: number;
  readonly sources: readonly Source[];
  readonly tls: TlsSummary;
  /** The domain as a whole. */
  readonly advice: readonly string[];
  /** Reports about domains that are not this one. */
  readonly elsewhere: number;
  /** Reports that came again, word for word, and count once. */
  readonly repeated: number;
  /** Reports with the reporter, id and period of another report but different content. All of them count. */
  readonly sameId: number;
  /** Reports that count although nothing shows that they come from the organisation they name. */
  readonly unverified: number;
}

/** Of each list of foreign names, so that strangers cannot fill the memory: a year of a large sender has fewer. */
export const MAX_LISTED = 1_000;
