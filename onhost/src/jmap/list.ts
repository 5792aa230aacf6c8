import type { Call, Client } from "./client";
import { objects, strings, text, type Fields } from "./json";
import { isType, Trouble } from "./trouble";

/** Of one answer: about 400 bytes for an e-mail's properties, some kB for an event. */
const PAGE = 1_000;
const MAX_RESTARTS = 5;
/** RFC 8620 section 5.2 lets a server choose less. */
const MAX_CHANGES = 1_000;

export interface ObjectType {
  /** `Email`, `Mailbox`, … */
  readonly type: string;
  /** The capability that offers it. */
  readonly using: string;
}

export interface Listed {
  readonly list: readonly Fields[];
  readonly state: string | undefined;
}

/**
 * Every object of a type that has a query. Pages follow the last id and not a position, so that what is destroyed
 * meanwhile makes nothing else be left out; the state is from before, so that `changes` tell what came meanwhile.
 */
export async function listAll(
  client: Client,
  accountId: string,
  { type, using }: ObjectType,
  properties?: readonly string[],
): Promise<Listed> {
  const limit = Math.min(PAGE, client.session.maxObjectsInGet);
  for (let restart = 0; ; restart += 1) {
    const found = new Map<string, Fields>();
    let state: string | undefined;
    try {
      for (let anchor: string | undefined; ;) {
        const page = anchor === undefined ? { position: 0, calculateTotal: true } : { anchor, anchorOffset: 1 };
        const [query, get] = await both(client, using, [
          [`${type}/query`, { accountId, ...page, limit }],
          [
            `${type}/get`,
            {
              accountId,
              "#ids": { resultOf: "0", name: `${type}/query`, path: "/ids" },
              ...(properties === undefined ? {} : { properties }),
            },
          ],
        ]);
        for (const object of objects(get["list"])) found.set(text(object["id"]), object);
        if (anchor === undefined) state = text(get["state"]) || undefined;
        const ids = strings(query["ids"]);
        const last = ids.at(-1);
        // A server may return fewer than asked for, so only an empty page is the end, or a total that says so.
        if (last === undefined || last === anchor || query["total"] === ids.length) break;
        anchor = last;
      }
      return { list: [...found.values()], state };
    } catch (error) {
      if (!isType(error, "anchorNotFound") || restart >= MAX_RESTARTS) throw error;
    }
  }
}

/** Objects of a type by id; those that are gone are left out. */
export async function getObjects(
  client: Client,
  accountId: string,
  { type, using }: ObjectType,
  ids: readonly string[],
  properties: readonly string[],
): Promise<readonly Fields[]> {
  const limit = Math.min(PAGE, client.session.maxObjectsInGet);
  const list: Fields[] = [];
  for (let from = 0; from < ids.length; from += limit) {
    const part = ids.slice(from, from + limit);
    const got = await client.call([using], [`${type}/get`, { accountId, ids: part, properties }]);
    list.push(...objects(got["list"]));
  }
  return list;
}

export interface Changes {
  readonly state: string;
  /** Created or updated since; what was destroyed afterwards is not in it. */
  readonly changed: ReadonlySet<string>;
  readonly destroyed: ReadonlySet<string>;
}

/** RFC 8620 section 5.2. Undefined when the server cannot tell what has changed since. */
export async function changesSince(
  client: Client,
  accountId: string,
  { type, using }: ObjectType,
  since: string,
): Promise<Changes | undefined> {
  const changed = new Set<string>();
  const destroyed = new Set<string>();
  for (let state = since; ;) {
    let part: Fields;
    try {
      part = await client.call([using], [`${type}/changes`, { accountId, sinceState: state, maxChanges: MAX_CHANGES }]);
    } catch (error) {
      // Cyrus says invalidArguments about a state that is none of its own.
      if (isType(error, "cannotCalculateChanges", "invalidArguments")) return undefined;
      throw error;
    }
    for (const id of [...strings(part["created"]), ...strings(part["updated"])]) {
      changed.add(id);
      destroyed.delete(id);
    }
    for (const id of strings(part["destroyed"])) {
      destroyed.add(id);
      changed.delete(id);
    }
    const next = text(part["newState"]);
    if (part["hasMoreChanges"] !== true) return { state: next, changed, destroyed };
    // A server that stands still would keep us here for ever.
    if (next === state) return undefined;
    state = next;
  }
}

async function both(client: Client, using: string, calls: readonly [Call, Call]): Promise<readonly [Fields, Fields]> {
  const [query, get] = await client.calls([using], calls);
  if (query instanceof Trouble) throw query;
  if (get instanceof Trouble) throw get;
  return [query ?? {}, get ?? {}];
}
