/**
 * Bindings of the public Worker. None is secret: whoever asks may read them all in the answers. infra/edge builds the
 * declared bindings from this type: a name is written here only.
 */
export interface PublicEnv {
  /** The mail domain; the Worker answers for names that clients and senders make from it. */
  readonly MAIL_DOMAIN: string;
  /** The server's public name: JMAP, calendars, address books. */
  readonly SERVER_HOSTNAME: string;
  /** Where mail clients connect to for IMAP and submission. */
  readonly CLIENTS_HOSTNAME: string;
  /** Names of the services that clients may discover, separated by commas. */
  readonly SERVICES: string;
  /** What clients call the provider when they show it. */
  readonly DISPLAY_NAME: string;
}
