import type { Session } from "./session";

/** Ten minutes: a server's URLs and capabilities change with its version. */
const SESSION_MS = 10 * 60_000;

/** Five minutes: so long may an address that moved to another account still lead to the old one. */
const ACCOUNT_MS = 5 * 60_000;

/** Of addresses, and of accounts. Senders of spam invent many. */
const MAX_ENTRIES = 1_000;

/** What an isolate remembers of home. Only what exists is remembered: an unknown address may be known a moment later. */
export interface HomeCache {
  readonly session: Entry<Session>;
  /** Recipient -> account id. */
  readonly accounts: Entries;
  /** Account id -> id of its Inbox. */
  readonly inboxes: Entries;
}

/** One value with a bounded life. */
export interface Entry<T> {
  readonly get: () => T | undefined;
  readonly set: (value: T) => void;
  readonly drop: () => void;
}

export interface Entries {
  readonly get: (key: string) => string | undefined;
  readonly set: (key: string, value: string) => void;
  readonly drop: (key: string) => void;
}

export function createCache(now: () => number = () => Date.now()): HomeCache {
  return { session: entry(SESSION_MS, now), accounts: entries(now), inboxes: entries(now) };
}

let current: { readonly owner: string; readonly cache: HomeCache } | undefined;

/**
 * The isolate's cache for one home and one key. Values only, no promises: workerd lets no event wait for what another one
 * asked.
 */
export function isolateCache(jmapUrl: URL, token: string): HomeCache {
  const owner = `${jmapUrl.href} ${token}`;
  if (current?.owner !== owner) current = { owner, cache: createCache() };
  return current.cache;
}

function entry<T>(lifeMs: number, now: () => number): Entry<T> {
  let held: { readonly value: T; readonly until: number } | undefined;
  return {
    get: () => (held !== undefined && held.until > now() ? held.value : undefined),
    set: (value) => void (held = { value, until: now() + lifeMs }),
    drop: () => void (held = undefined),
  };
}

function entries(now: () => number): Entries {
  const held = new Map<string, { readonly value: string; readonly until: number }>();
  return {
    get: (key) => {
      const found = held.get(key);
      return found !== undefined && found.until > now() ? found.value : undefined;
    },
    set: (key, value) => {
      held.delete(key);
      const [oldest] = held.keys();
      if (held.size >= MAX_ENTRIES && oldest !== undefined) held.delete(oldest);
      held.set(key, { value, until: now() + ACCOUNT_MS });
    },
    drop: (key) => void held.delete(key),
  };
}
