import type { AlertSettings } from "./alert";
import type { BindingName, Env, SpoolBucket } from "./env";
import { TransientError } from "./transient";

/** The bindings after they were checked. */
export interface Configuration {
  readonly delivery: JmapDelivery | LmtpDelivery;
  readonly accessClientId: string;
  readonly accessClientSecret: string;
  readonly mailDomain: string;
  readonly catchAll: string | undefined;
  /** Undefined when home is not asked whether a message has arrived. */
  readonly arrivalsKey: string | undefined;
}

export interface JmapDelivery {
  readonly kind: "jmap";
  readonly jmapUrl: URL;
  readonly jmapToken: string;
}

export interface LmtpDelivery extends Omit<JmapDelivery, "kind"> {
  readonly kind: "lmtp";
  readonly lmtpUrl: URL;
}

/**
 * Checks the bindings of the deployed Worker. Throws (the sender keeps the message) when one is missing: going on would
 * refuse mail that home could take, for example all of it when `MAIL_DOMAIN` is empty.
 */
export function readConfiguration(env: Env): Configuration {
  return {
    delivery: readDelivery(env),
    accessClientId: required(env, "ACCESS_CLIENT_ID"),
    accessClientSecret: required(env, "ACCESS_CLIENT_SECRET"),
    mailDomain: required(env, "MAIL_DOMAIN").toLowerCase(),
    // An absent CATCH_ALL is a mistake of the deployment, an empty one is a decision of the operator.
    catchAll: text(env, "CATCH_ALL").toLowerCase() || undefined,
    arrivalsKey: env.ARRIVALS_KEY === undefined ? undefined : text(env, "ARRIVALS_KEY") || undefined,
  };
}

function readDelivery(env: Env): JmapDelivery | LmtpDelivery {
  const kind = required(env, "INBOUND_DELIVERY");
  if (kind !== "lmtp" && kind !== "jmap") throw new TransientError("binding INBOUND_DELIVERY is neither jmap nor lmtp");
  const mailboxes = { jmapUrl: httpsUrl(env, "JMAP_URL"), jmapToken: required(env, "JMAP_TOKEN") };
  return kind === "jmap" ? { kind, ...mailboxes } : { kind, ...mailboxes, lmtpUrl: httpsUrl(env, "LMTP_URL") };
}

/** The Access secret goes there, and the API key. */
function httpsUrl(env: Env, name: BindingName): URL {
  const address = required(env, name);
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url?.protocol !== "https:") throw new TransientError(`binding ${name} is not an https URL`);
  return url;
}

/** Undefined: the operator wants no spool. */
export function readSpool({ SPOOL }: Env): SpoolBucket | undefined {
  if (SPOOL === undefined || typeof SPOOL.put === "function") return SPOOL;
  throw new TransientError("binding SPOOL is no bucket");
}

/** Undefined: the operator wants no alerts. */
export function readAlert(env: Env): AlertSettings | undefined {
  const address = text(env, "ALERT_URL");
  if (address === "") return undefined;
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url?.protocol !== "https:") throw new TransientError("binding ALERT_URL is not an https URL");
  const minutes = Number(required(env, "ALERT_AFTER_MINUTES"));
  if (!(minutes > 0)) throw new TransientError("binding ALERT_AFTER_MINUTES is no number of minutes");
  return { url, afterSeconds: minutes * 60 };
}

function required(env: Env, name: BindingName): string {
  const value = text(env, name);
  if (value === "") throw new TransientError(`binding ${name} is empty`);
  return value;
}

function text(env: Env, name: BindingName): string {
  const value: unknown = env[name];
  if (typeof value !== "string") throw new TransientError(`binding ${name} is missing`);
  return value.trim();
}
