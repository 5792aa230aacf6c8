/** Bindings of the inbound Worker. infra/edge builds the declared bindings from this type: a name is written here only. */
export interface Env {
  /** How messages are brought home: `jmap` or `lmtp`. */
  readonly INBOUND_DELIVERY: string;
  /** Base URL of the protected hostname in front of Stalwart's HTTP, `https://inbound.<domain>`. */
  readonly JMAP_URL?: string;
  /** The protected hostname that leads to Stalwart's LMTP listener, `https://lmtp.<domain>`. Only for `lmtp`. */
  readonly LMTP_URL?: string;
  /** Access service token, sent as `CF-Access-Client-Id` (secret). */
  readonly ACCESS_CLIENT_ID: string;
  /** Access service token, sent as `CF-Access-Client-Secret` (secret). */
  readonly ACCESS_CLIENT_SECRET: string;
  /** Stalwart API key, sent as Bearer (secret). With `lmtp` for messages that the listener would drop. */
  readonly JMAP_TOKEN?: string;
  /** Key of the service `arrivals` at home (secret). When absent, nobody is asked whether a message has arrived. */
  readonly ARRIVALS_KEY?: string;
  /** The domain whose mail this Worker takes. */
  readonly MAIL_DOMAIN: string;
  /** Complete address that takes mail for unknown local parts; empty: such mail is refused. */
  readonly CATCH_ALL: string;
  /** Keeps messages that home does not take, and the ledger of delivered ones; absent: the sender keeps such messages. */
  readonly SPOOL?: SpoolBucket;
  /** Where a plain-text POST goes when spooled mail gets old; empty: nowhere (secret, such URLs are their own password). */
  readonly ALERT_URL: string;
  /** Age of the oldest spooled message, in minutes, from which on that happens. */
  readonly ALERT_AFTER_MINUTES: string;
}

/** The methods of an R2 bucket that are used. A type of its own, so that infra needs nothing of the Workers' types. */
export interface SpoolBucket {
  /** Null when `onlyIf` does not hold. */
  readonly put: (
    key: string,
    value: Uint8Array | string | ReadableStream<Uint8Array>,
    options?: SpoolPutOptions,
  ) => Promise<{ etag: string } | null>;
  readonly get: (key: string) => Promise<SpoolObjectBody | null>;
  readonly head: (key: string) => Promise<SpoolObject | null>;
  readonly list: (options: SpoolListOptions) => Promise<SpoolPage>;
  readonly delete: (key: string) => Promise<void>;
}

export interface SpoolPutOptions {
  readonly onlyIf?: { readonly etagMatches?: string; readonly etagDoesNotMatch?: string };
  readonly customMetadata?: Record<string, string>;
  readonly httpMetadata?: { readonly contentType?: string };
}

export interface SpoolObject {
  readonly key: string;
  readonly size: number;
  readonly etag: string;
  readonly customMetadata?: Record<string, string>;
}

export interface SpoolObjectBody extends SpoolObject {
  readonly body: ReadableStream<Uint8Array>;
  readonly text: () => Promise<string>;
  readonly arrayBuffer: () => Promise<ArrayBuffer>;
}

export interface SpoolListOptions {
  readonly prefix: string;
  readonly limit?: number;
  readonly cursor?: string;
  /** A key, which need not exist. */
  readonly startAfter?: string;
  readonly include?: ("customMetadata" | "httpMetadata")[];
}

export interface SpoolPage {
  readonly objects: readonly SpoolObject[];
  readonly truncated: boolean;
  readonly cursor?: string;
}

export type BindingName = keyof Env;
