import type { Client } from "../jmap/client";
import { members, objects, text, type Fields } from "../jmap/json";
import { listAll } from "../jmap/list";
import {
  ADDRESS_BOOKS,
  CALENDARS,
  CARDS,
  EVENTS,
  IDENTITIES,
  SIEVE,
  VACATION,
  offered,
  type Kind,
} from "../export/kinds";
import type { Gap } from "../export/manifest";
import { Fault } from "../fault";
import { Trouble } from "../jmap/trouble";
import { create, update } from "./set";
import { activateScript, importScripts } from "./sieve";

export interface ObjectImport {
  readonly client: Client;
  readonly accountId: string;
  readonly isDry: boolean;
}

export interface ObjectOutcome {
  created: number;
  updated: number;
  there: number;
  readonly gaps: Gap[];
}

/** What the server sets itself. */
const SERVER_SET = new Set([
  "id",
  "mayDelete",
  "myRights",
  "shareWith",
  "isDefault",
  "x-href",
  "blobId",
  "utcStart",
  "utcEnd",
]);

/** Everything beside mail, by kind. `lines`: of the export. What the server does not offer is a gap if there is any of it. */
export async function importObjects(
  order: ObjectImport,
  accountFolder: string,
  lines: (kind: Kind) => readonly Fields[],
): Promise<Readonly<Record<string, ObjectOutcome>>> {
  const outcomes: Record<string, ObjectOutcome> = {};
  await importKind(IDENTITIES, (using, list) => importIdentities(order, using, list));
  await importKind(SIEVE, (using, list) => importScripts(order, using, accountFolder, list));
  await importKind(VACATION, (using, list) => importVacation(order, using, list));
  await importKind(SIEVE, (using, list) => activateScript(order, using, accountFolder, list));
  await importContained(ADDRESS_BOOKS, CARDS, "addressBookIds");
  await importContained(CALENDARS, EVENTS, "calendarIds");
  return outcomes;

  async function importKind(
    kind: Kind,
    work: (using: string, list: readonly Fields[]) => Promise<ObjectOutcome>,
  ): Promise<void> {
    try {
      const list = lines(kind);
      if (list.length === 0) return;
      const using = offered(order.client.session, order.accountId, kind);
      const outcome = using === undefined ? failed(kind, "the server does not offer it") : await work(using, list);
      outcomes[kind.kind] = sum(outcomes[kind.kind], outcome);
    } catch (error) {
      if (!(error instanceof Trouble || error instanceof Fault)) throw error;
      outcomes[kind.kind] = sum(outcomes[kind.kind], failed(kind, error.fact));
    }
  }

  /** Collections by name, then what is in them by its uid. */
  async function importContained(collections: Kind, contents: Kind, idsProperty: string): Promise<void> {
    let ids: ReadonlyMap<string, string> = new Map();
    await importKind(collections, async (using, list) => {
      const made = await importCollections(order, using, collections, list);
      ids = made.ids;
      return made.outcome;
    });
    await importKind(contents, (using, list) => importContents(order, using, contents, idsProperty, list, ids));
  }
}

function failed({ kind }: Kind, why: string): ObjectOutcome {
  return { created: 0, updated: 0, there: 0, gaps: [{ what: kind, why }] };
}

function sum(one: ObjectOutcome | undefined, other: ObjectOutcome): ObjectOutcome {
  return {
    created: (one?.created ?? 0) + other.created,
    updated: (one?.updated ?? 0) + other.updated,
    there: (one?.there ?? 0) + other.there,
    gaps: [...(one?.gaps ?? []), ...other.gaps.filter((gap) => !isAmong(one?.gaps ?? [], gap))],
  };
}

/** Scripts are gone through twice. */
function isAmong(gaps: readonly Gap[], { what, why }: Gap): boolean {
  return gaps.some((gap) => gap.what === what && gap.why === why);
}

const IDENTITY_PROPERTIES = ["name", "replyTo", "bcc", "textSignature", "htmlSignature"] as const;

async function importIdentities(
  { client, accountId, isDry }: ObjectImport,
  using: string,
  exported: readonly Fields[],
): Promise<ObjectOutcome> {
  const outcome: ObjectOutcome = { created: 0, updated: 0, there: 0, gaps: [] };
  const free = new Set(objects((await client.call([using], ["Identity/get", { accountId, ids: null }]))["list"]));
  for (const identity of exported) {
    const same = [...free].filter((other) => other["email"] === identity["email"]);
    const found = same.find((other) => other["name"] === identity["name"]) ?? same[0];
    if (found !== undefined) free.delete(found);
    const patch = differing(identity, found ?? {}, IDENTITY_PROPERTIES);
    const what = `identity ${text(identity["email"])}`;
    if (found === undefined) {
      outcome.created += 1;
      if (isDry) continue;
      const made = await create(client, using, accountId, "Identity", { ...patch, email: identity["email"] });
      if ("refused" in made) outcome.gaps.push({ what, why: made.refused });
    } else if (Object.keys(patch).length === 0) outcome.there += 1;
    else {
      outcome.updated += 1;
      const refused = isDry ? undefined : await update(client, using, accountId, "Identity", text(found["id"]), patch);
      if (refused !== undefined) outcome.gaps.push({ what, why: refused });
    }
  }
  return outcome;
}

const VACATION_PROPERTIES = ["isEnabled", "fromDate", "toDate", "subject", "textBody", "htmlBody"] as const;

/** RFC 8621 section 8: there is one, and its id is `singleton`. */
async function importVacation(
  { client, accountId, isDry }: ObjectImport,
  using: string,
  [exported = {}]: readonly Fields[],
): Promise<ObjectOutcome> {
  const outcome: ObjectOutcome = { created: 0, updated: 0, there: 0, gaps: [] };
  const got = await client.call([using], ["VacationResponse/get", { accountId, ids: ["singleton"] }]);
  const patch = differing(exported, objects(got["list"])[0] ?? {}, VACATION_PROPERTIES);
  if (Object.keys(patch).length === 0) return { ...outcome, there: 1 };
  outcome.updated = 1;
  const refused = isDry ? undefined : await update(client, using, accountId, "VacationResponse", "singleton", patch);
  if (refused !== undefined) outcome.gaps.push({ what: "vacation", why: refused });
  return outcome;
}

const COLLECTION_PROPERTIES = [
  "name",
  "description",
  "color",
  "sortOrder",
  "isSubscribed",
  "isVisible",
  "timeZone",
] as const;

async function importCollections(
  { client, accountId, isDry }: ObjectImport,
  using: string,
  { type, kind }: Kind,
  exported: readonly Fields[],
): Promise<{ readonly outcome: ObjectOutcome; readonly ids: ReadonlyMap<string, string> }> {
  const outcome: ObjectOutcome = { created: 0, updated: 0, there: 0, gaps: [] };
  const ids = new Map<string, string>();
  const there = objects((await client.call([using], [`${type}/get`, { accountId, ids: null }]))["list"]);
  for (const collection of exported) {
    const found = there.find((other) => other["name"] === collection["name"]);
    if (found !== undefined) {
      outcome.there += 1;
      ids.set(text(collection["id"]), text(found["id"]));
      continue;
    }
    outcome.created += 1;
    if (isDry) continue;
    const made = await create(client, using, accountId, type, differing(collection, {}, COLLECTION_PROPERTIES));
    if ("id" in made) ids.set(text(collection["id"]), made.id);
    else outcome.gaps.push({ what: `${kind} ${text(collection["name"])}`, why: made.refused });
  }
  return { outcome, ids };
}

/** What has a uid that is there stays as it is: someone may have changed it since. */
async function importContents(
  { client, accountId, isDry }: ObjectImport,
  using: string,
  { type, kind }: Kind,
  idsProperty: string,
  exported: readonly Fields[],
  ids: ReadonlyMap<string, string>,
): Promise<ObjectOutcome> {
  const outcome: ObjectOutcome = { created: 0, updated: 0, there: 0, gaps: [] };
  const { list } = await listAll(client, accountId, { type, using }, ["id", "uid", "recurrenceId"]);
  const there = new Set(list.map(identityOf));
  for (const object of exported) {
    if (there.has(identityOf(object))) {
      outcome.there += 1;
      continue;
    }
    outcome.created += 1;
    if (isDry) continue;
    const kept = Object.entries(object).filter(([name]) => !SERVER_SET.has(name));
    const collections = members(object[idsProperty]).flatMap((id) => ids.get(id) ?? []);
    const made = await create(client, using, accountId, type, {
      ...Object.fromEntries(kept),
      [idsProperty]: Object.fromEntries(collections.map((id) => [id, true])),
    });
    if ("refused" in made) outcome.gaps.push({ what: `${kind} ${text(object["uid"])}`, why: made.refused });
  }
  return outcome;
}

function identityOf(object: Fields): string {
  return JSON.stringify([text(object["uid"]), text(object["recurrenceId"])]);
}

/** The properties that are set and not the same. */
function differing(wanted: Fields, have: Fields, properties: readonly string[]): Fields {
  return Object.fromEntries(
    properties
      .filter((name) => wanted[name] !== undefined && JSON.stringify(wanted[name]) !== JSON.stringify(have[name]))
      .filter((name) => wanted[name] !== null || (have[name] !== undefined && have[name] !== null))
      .map((name) => [name, wanted[name]]),
  );
}
