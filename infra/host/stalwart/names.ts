/** Names of what the plan declares in Stalwart; the program on the host and the sandbox's model find it by them. */
import { RESERVED_LOCAL_PARTS } from "../../settings/address";

/** Local parts of accounts that this deployment makes for itself. */
export const { admin: ADMIN_ACCOUNT, worker: SERVICE_ACCOUNT } = RESERVED_LOCAL_PARTS;

/** The service account's role. */
export const WORKER_ROLE = "cf-mail-worker";

/**
 * What the Worker's key may do, each one needed: tried against 0.16.18 with one left out at a time. It can put mail into
 * every mailbox and cannot read any.
 */
export const WORKER_PERMISSIONS = [
  "authenticate",
  "impersonate",
  "jmapEmailImport",
  "jmapMailboxQuery",
  "jmapPrincipalQuery",
  // Without it an hour's mail ends at 50 MB.
  "unlimitedUploads",
  // Without it several messages at the same time are refused (HTTP 400, `limit`).
  "unlimitedRequests",
] as const;

/** The listener that the Worker delivers to; expressions name it. */
export const LMTP_LISTENER = "lmtp";

export const RELAY_ROUTE = "resend";
export const RELAY_TLS = "relay-strict";
/** The environment variable that Stalwart reads the relay's password from. */
export const RELAY_SECRET = "RESEND_API_KEY";
