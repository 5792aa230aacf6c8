import type { Context } from "./context";

/** The report's chapters, in this order. */
export const AREAS = {
  delegation: "Delegation and DNSSEC",
  records: "DNS records",
  policy: "Sending policies",
  web: "Public names",
  exchange: "Mail exchangers",
  edge: "Cloudflare's edge",
  tunnel: "Tunnel",
  host: "Host",
  stalwart: "Stalwart",
  backup: "Backup",
  spool: "Spool",
  canary: "A mail through the whole path",
} as const;

export type Area = keyof typeof AREAS;

/** What a check may need beyond the stack file and the public internet. */
export const CREDENTIALS = {
  secrets: "the stack's secrets: set PULUMI_CONFIG_PASSPHRASE (or _FILE) and install pulumi",
  state: "the stack's outputs: log in to the state backend (pulumi login) and install pulumi",
  cloudflare: "Cloudflare's API: set mail:accountId, and CLOUDFLARE_API_TOKEN to a token that may read the account",
  ssh: "the host over SSH: set mail:hostAddress and the stack's secrets",
  jmap: "Stalwart as its administrator: set the stack's secrets",
  canary: "your consent to a mail: add --canary",
} as const;

export type Credential = keyof typeof CREDENTIALS;

/** `skipped`: nothing can be said, and why; it is no warning. */
export type Status = "ok" | "warning" | "error" | "skipped";

/** What one check saw. Sentences and values for a person; never a secret. */
export interface Finding {
  readonly status: Status;
  /** The value seen; for `skipped`, why nothing was seen. */
  readonly current: string;
  /** The value that the deployment asks for. */
  readonly expected: string;
  /** The command or step that mends it; present exactly when it is a warning or an error. */
  readonly remedy?: string;
  /** Of a warning: checks that need this one could only repeat it, so they are skipped as after an error. */
  readonly closes?: true;
}

/** One live check as data. */
export interface Check {
  /** Stable and unique: `area.what` or `area.what.which`. Tests, `needs` and scripts name it. */
  readonly id: string;
  readonly area: Area;
  /** A few words, at most {@link TITLE_CHARACTERS}. */
  readonly title: string;
  /** One sentence: what breaks without it. */
  readonly why: string;
  /** Ids of checks that must not have failed; after an error, a skip or a closing warning of one of them this one is skipped. */
  readonly needs: readonly string[];
  /**
   * Ids of checks that look at a cause. It runs all the same; when it fails and one of them failed too, the fault is told
   * once, at the cause. Those that were not run, or of which the deployment has none, explain nothing.
   */
  readonly follows?: readonly string[];
  readonly credentials: readonly Credential[];
  /** Milliseconds for this check; {@link CHECK_BUDGET_MS} when left out. */
  readonly budgetMs?: number;
  /** Asks and compares; changes nothing. What it throws becomes an error finding. */
  run(context: Context): Promise<Finding>;
}

/** Of a title, so that a line of the table holds it beside its status. */
export const TITLE_CHARACTERS = 56;

/** For one check, unless it says otherwise. */
export const CHECK_BUDGET_MS = 4_000;

export function ok(current: string, expected = current): Finding {
  return { status: "ok", current, expected };
}

export function warning(current: string, expected: string, remedy: string): Finding {
  return { status: "warning", current, expected, remedy };
}

export function error(current: string, expected: string, remedy: string): Finding {
  return { status: "error", current, expected, remedy };
}

export function skipped(reason: string, expected = ""): Finding {
  return { status: "skipped", current: reason, expected };
}
