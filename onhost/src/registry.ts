import { Fault } from "./fault";
import type { Http } from "./http";
import { isFields, type Fields } from "./plan-line";

const USING = ["urn:ietf:params:jmap:core", "urn:stalwart:jmap"];
/** Of Stalwart's `maxMethodCalls`, 16. */
const CALLS_IN_REQUEST = 16;
/** Of Stalwart's `getMaxResults`: a longer list is cut off without a word. */
export const MAX_OBJECTS = 500;

/** The id of every singleton. */
export const SINGLETON = "singleton";

export type RegistryObject = Fields & { readonly id: string };

/** Stalwart's settings and accounts, the `x:` objects of its JMAP interface, as the recovery administrator sees them. */
export interface Registry {
  /** All objects of the type; of one account where they belong to accounts. Throws a `Fault` from `MAX_OBJECTS` on. */
  readonly get: (object: string, accountId?: string) => Promise<readonly RegistryObject[]>;
  /** Several types at once, in their order; a singleton's list has the one. */
  readonly getAll: (types: readonly RegistryType[]) => Promise<readonly (readonly RegistryObject[])[]>;
  readonly set: (object: string, args: SetArguments) => Promise<SetResult>;
}

export interface RegistryType {
  readonly object: string;
  /** Singletons answer to their name only: one that was never written is in no list, and has its defaults. */
  readonly isSingleton: boolean;
}

export interface SetArguments {
  readonly accountId?: string;
  readonly create?: Readonly<Record<string, Fields>>;
  readonly update?: Readonly<Record<string, Fields>>;
  readonly destroy?: readonly string[];
}

/** RFC 8620 §5.3. */
export interface SetResult {
  readonly created: Readonly<Record<string, Fields>>;
  /** By creation name or id. */
  readonly refused: Readonly<Record<string, Refusal>>;
}

/** A SetError; `description` never holds a value that was sent, and may be empty. */
export interface Refusal {
  readonly type: string;
  readonly description: string;
}

export function registryOf(http: Http, authorization: string): Registry {
  return { get, getAll, set };

  async function get(object: string, accountId?: string): Promise<readonly RegistryObject[]> {
    const args = accountId === undefined ? { ids: null } : { accountId, ids: null };
    const [list] = await call([[`x:${object}/get`, args]]);
    return objectsOf(object, list);
  }

  async function getAll(types: readonly RegistryType[]): Promise<readonly (readonly RegistryObject[])[]> {
    const lists: (readonly RegistryObject[])[] = [];
    for (let from = 0; from < types.length; from += CALLS_IN_REQUEST) {
      const part = types.slice(from, from + CALLS_IN_REQUEST);
      const answers = await call(
        part.map(({ object, isSingleton }) => [`x:${object}/get`, { ids: isSingleton ? [SINGLETON] : null }]),
      );
      lists.push(...part.map(({ object }, index) => objectsOf(object, answers[index])));
    }
    return lists;
  }

  async function set(object: string, args: SetArguments): Promise<SetResult> {
    const [result] = await call([[`x:${object}/set`, { ...args }]]);
    const part = (name: string): Fields => {
      const value = result?.[name];
      return isFields(value) ? value : {};
    };
    const refused = { ...part("notCreated"), ...part("notUpdated"), ...part("notDestroyed") };
    return {
      created: Object.fromEntries(Object.entries(part("created")).filter(isFieldsEntry)),
      refused: Object.fromEntries(Object.entries(refused).map(([key, error]) => [key, refusalOf(error)])),
    };
  }

  async function call(calls: readonly (readonly [method: string, args: Fields])[]): Promise<readonly Fields[]> {
    const methodCalls = calls.map(([method, args], index) => [method, args, String(index)]);
    const { status, text } = await http("/jmap", {
      method: "POST",
      authorization,
      body: JSON.stringify({ using: USING, methodCalls }),
    });
    if (status !== 200) throw refusedRequest(status);
    const responses = responsesOf(text);
    return calls.map(([method], index) => {
      const [name, result] = responses.find(([, , callId]) => callId === String(index)) ?? [];
      if (name === method && result !== undefined) return result;
      throw new Fault(
        `Stalwart refuses ${method}: ${name === "error" ? describe(result) : "no answer"}.`,
        "Nothing more was read or changed.",
        "Check that the image is the version the plan was made for: docker compose -p mail-stack images",
      );
    });
  }
}

function describe(error: Fields | undefined): string {
  return [error?.["type"], error?.["description"]].filter((part) => typeof part === "string").join(", ");
}

function refusedRequest(status: number): Fault {
  const facts: Readonly<Record<number, string>> = {
    401: "Stalwart does not know the recovery administrator (HTTP 401).",
    403: "Stalwart has banned the address of this container, or forbids the request (HTTP 403).",
    429: "Stalwart refuses further requests for now (HTTP 429).",
  };
  const next: Readonly<Record<number, string>> = {
    401: "It reads stalwart/secrets/recovery-admin.env at start: docker compose -p mail-stack up -d --force-recreate stalwart",
    403: "Restart it in recovery mode, where no ban counts, and delete the ban under Security, Blocked IPs.",
    429: "Wait a minute and run pulumi up again.",
  };
  return new Fault(
    facts[status] ?? `Stalwart answers a JMAP request with HTTP ${status}.`,
    "Nothing more was read or changed.",
    next[status] ?? "Look at its log: docker compose -p mail-stack logs --tail 50 stalwart",
  );
}

function responsesOf(text: string): readonly (readonly [string, Fields, string])[] {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    answer = undefined;
  }
  const responses: unknown = isFields(answer) ? answer["methodResponses"] : undefined;
  if (!Array.isArray(responses))
    throw new Fault(
      "What answers at Stalwart's address does not speak JMAP.",
      "Nothing more was read or changed.",
      "Check which container listens: docker compose -p mail-stack ps",
    );
  return responses.filter(isResponse);
}

function isResponse(value: unknown): value is readonly [string, Fields, string] {
  if (!Array.isArray(value)) return false;
  const [name, result, callId] = value as readonly unknown[];
  return typeof name === "string" && isFields(result) && typeof callId === "string";
}

function objectsOf(object: string, result: Fields | undefined): readonly RegistryObject[] {
  const list: unknown = result?.["list"];
  const objects = Array.isArray(list) ? list.filter(isRegistryObject) : [];
  if (objects.length >= MAX_OBJECTS)
    throw new Fault(
      `Stalwart has ${MAX_OBJECTS} or more objects of the type ${object}.`,
      "It lists no more than that at once, so they cannot be checked.",
      "Delete what is not used in the administration interface.",
    );
  return objects;
}

function isRegistryObject(value: unknown): value is RegistryObject {
  return isFields(value) && typeof value["id"] === "string";
}

function isFieldsEntry(entry: [string, unknown]): entry is [string, Fields] {
  return isFields(entry[1]);
}

function refusalOf(error: unknown): Refusal {
  const { type, description, validationErrors }: Fields = isFields(error) ? error : {};
  const faults: readonly unknown[] = Array.isArray(validationErrors) ? validationErrors : [];
  // Without the value, which may be a secret.
  const places = faults.filter(isFields).map((fault) => [fault["type"], fault["property"]].join(" "));
  return {
    type: typeof type === "string" ? type : "unknown",
    description: typeof description === "string" ? description : places.join(", "),
  };
}
