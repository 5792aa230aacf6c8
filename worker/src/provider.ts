import type { PublicEnv } from "./public-env";

/** What clients are told about the mail service. */
export interface Provider {
  readonly domain: string;
  /** Public name: JMAP, calendars, address books. */
  readonly server: string;
  /** Name for IMAP and submission. */
  readonly clients: string;
  readonly displayName: string;
  readonly services: ReadonlySet<string>;
}

/** A way to send mail; ports are fixed by the deployment. */
export interface Outgoing {
  readonly port: number;
  readonly tls: "implicit" | "starttls";
}

/** Port of IMAP over TLS (RFC 8314 section 3.2). */
export const IMAPS_PORT = 993;

/** @throws Error for a Worker without its bindings: it must not answer with half of a configuration. */
export function readProvider(env: PublicEnv): Provider {
  return {
    domain: bound(env, "MAIL_DOMAIN"),
    server: bound(env, "SERVER_HOSTNAME"),
    clients: bound(env, "CLIENTS_HOSTNAME"),
    displayName: bound(env, "DISPLAY_NAME"),
    services: new Set(bound(env, "SERVICES").split(",")),
  };
}

function bound(env: Readonly<Partial<PublicEnv>>, name: keyof PublicEnv): string {
  const value = env[name];
  if (value === undefined) throw new Error(`the binding ${name} is missing`);
  return value;
}

/** What is offered for sending, the better first: implicit TLS cannot be stripped (RFC 8314 section 3.3). */
export function outgoing({ services }: Provider): readonly Outgoing[] {
  return [
    ...(services.has("submissions") ? [{ port: 465, tls: "implicit" } as const] : []),
    ...(services.has("submission") ? [{ port: 587, tls: "starttls" } as const] : []),
  ];
}
