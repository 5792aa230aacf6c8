/** Bindings of the inbound Worker. infra/edge builds the declared bindings from this type: a name is written here only. */
export interface Env {
  /** Base URL of the protected hostname in front of Stalwart, `https://inbound.<domain>`. */
  readonly JMAP_URL: string;
  /** Access service token, sent as `CF-Access-Client-Id` (secret). */
  readonly ACCESS_CLIENT_ID: string;
  /** Access service token, sent as `CF-Access-Client-Secret` (secret). */
  readonly ACCESS_CLIENT_SECRET: string;
  /** Stalwart API key, sent as Bearer (secret). */
  readonly JMAP_TOKEN: string;
  /** The domain whose mail this Worker takes. */
  readonly MAIL_DOMAIN: string;
  /** Complete address that takes mail for unknown local parts; empty: such mail is refused. */
  readonly CATCH_ALL: string;
}

export type BindingName = keyof Env;
