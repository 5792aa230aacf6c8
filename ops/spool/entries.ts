import { type ListedObject, SpoolError, type SpoolObjects } from "./objects";

/** One message of the spool and what is known of it. */
export interface Entry {
  readonly key: string;
  /** `waiting` is tried by every run of the clock; `dead` was refused for good and waits for a person. */
  readonly state: "waiting" | "dead";
  readonly size: number;
  /** Empty for the null reverse-path; undefined when the object does not say it. */
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly receivedAt: Date | undefined;
  /** Times that it failed alone; a run that ends because home is down counts for nobody. */
  readonly attempts: number;
  /** Not before. */
  readonly next: string | undefined;
  /** Why it failed or was set aside. */
  readonly reason: string | undefined;
}

// As the Worker lays them out: worker/src/spool.ts.
const FOLDERS = [
  ["spool/", "waiting"],
  ["dead/", "dead"],
] as const;
const RETRY = "retry/";

/** Begins with the time at which the edge took the message; ends with digits that tell messages of one moment apart. */
const NAME = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)-([0-9a-f]{8})\.eml$/;

/** Every message, those that wait first, the oldest on top. */
export async function readEntries(objects: Pick<SpoolObjects, "list" | "get">): Promise<readonly Entry[]> {
  const retries = new Set((await objects.list(RETRY)).map(({ key }) => key));
  const entries: Entry[] = [];
  for (const [prefix, state] of FOLDERS)
    for (const object of await objects.list(prefix)) {
      const sidecar = retryKey(object.key);
      const pause = retries.has(sidecar) ? pauseOf(await objects.get(sidecar)) : NO_PAUSE;
      entries.push(entryOf(object, state, pause));
    }
  return entries;
}

/** Where the pause of a message is written. */
export function retryKey(key: string): string {
  return `${RETRY}${nameOf(key)}.json`;
}

/** Where a message lies that waits. */
export function waitingKey(key: string): string {
  return `spool/${nameOf(key)}`;
}

export function nameOf(key: string): string {
  return key.slice(key.indexOf("/") + 1);
}

/** What a person types for a message: the digits at the end of its name, or all of it where it has none. */
export function shortOf({ key }: Entry): string {
  return NAME.exec(nameOf(key))?.[2] ?? nameOf(key);
}

/** The one message that a person means by its key, its name or the digits at the end. */
export function meant(entries: readonly Entry[], text: string): Entry {
  const found = entries.filter((entry) => [entry.key, nameOf(entry.key), shortOf(entry)].includes(text));
  const [entry] = found;
  if (entry === undefined)
    throw new SpoolError(`No message of the spool is called ${JSON.stringify(text)}. Nothing was changed. Look: list`);
  if (found.length > 1)
    throw new SpoolError(
      `${found.length} messages are called ${JSON.stringify(text)}: ${found.map(({ key }) => key).join(", ")}. ` +
        "Nothing was changed. Give the whole key.",
    );
  return entry;
}

interface Pause {
  readonly attempts: number;
  readonly next: string | undefined;
  readonly reason: string | undefined;
}

const NO_PAUSE: Pause = { attempts: 0, next: undefined, reason: undefined };

function pauseOf(bytes: Buffer | undefined): Pause {
  try {
    const { attempts, next, reason } = JSON.parse(bytes?.toString("utf8") ?? "{}") as Record<string, unknown>;
    return {
      attempts: typeof attempts === "number" ? attempts : 0,
      next: typeof next === "string" ? next : undefined,
      reason: typeof reason === "string" ? reason : undefined,
    };
  } catch {
    return NO_PAUSE;
  }
}

function entryOf({ key, size, metadata }: ListedObject, state: Entry["state"], pause: Pause): Entry {
  const at = new Date(metadata["receivedAt"] ?? NAME.exec(nameOf(key))?.[1] ?? Number.NaN);
  return {
    key,
    state,
    size,
    from: decoded(metadata["from"]),
    to: decoded(metadata["to"]),
    receivedAt: Number.isNaN(at.getTime()) ? undefined : at,
    attempts: pause.attempts,
    next: pause.next,
    reason: decoded(metadata["reason"]) ?? pause.reason,
  };
}

/** Metadata is ASCII; the Worker writes other bytes as `%XX`. */
function decoded(text: string | undefined): string | undefined {
  try {
    return text === undefined ? undefined : decodeURIComponent(text);
  } catch {
    return text;
  }
}
