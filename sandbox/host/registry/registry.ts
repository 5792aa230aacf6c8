import { isObject, type Json } from "../json";
import { credentialsOf, withApiKey, withChangedApiKey, withCheckedCredentials, withoutApiKey } from "./credentials";
import { START_OBJECTS } from "./defaults";
import { checkObject, linksTo, masked, shown } from "./objects";
import { created, defaultsOf, isVariant, Refusal, updated } from "./patch";
import { SCHEMA } from "./schema";

const SINGLETON = "singleton";
/** Stalwart's ids are short, in order of creation, in an alphabet of its own. */
const ID_ALPHABET = "abcdefghijklmnopqrstuvwxyz792013";
const FIRST_ID = 1;

/** What the model needs of its surroundings. */
export interface RegistryOptions {
  /** What `dump` gave: a restored data folder. Absent: an empty one. */
  readonly data?: string;
  /** Whether names out there resolve. A reload looks one up while Pyzor is on. */
  readonly hasDns?: boolean;
  /** Says why certificate and key at two paths cannot be used; absent: they can. */
  readonly certificateFault?: (certificate: string, key: string) => string | undefined;
}

/** Stalwart's registry: the objects `x:*`, with the rules of 0.16.18 for those that this project touches. */
export interface Registry {
  /** Answers `x:<type>/get`, `set` or `query` as an administrator sees it. Throws `UnknownMethod`. */
  readonly invoke: (method: string, args: Json) => Json;
  /** Objects of a type as they are stored, secrets as hashes; a singleton that was never written is not among them. */
  readonly stored: (type: string) => ReadonlyMap<string, Json>;
  /** A singleton's value, in effect since the last start or reload. */
  readonly inEffect: (type: string) => Json;
  /** Ports that are open: those of the last start. */
  readonly ports: () => readonly number[];
  /** Makes the defaults of types that are empty, takes up settings, opens and closes ports. */
  readonly restart: () => void;
  /** Everything, for `data`: the data folder's content. */
  readonly dump: () => string;
}

export class UnknownMethod extends Error {}

/** Starts a registry on empty or restored data. */
export function createRegistry(options: RegistryOptions = {}): Registry {
  const stored = new Map<string, Map<string, Json>>();
  const counters = new Map<string, number>();
  let effective = new Map<string, Json>();
  let open: readonly number[] = [];
  if (options.data !== undefined) load(options.data);
  restart();

  return { invoke, stored: (type) => objects(type), inEffect, ports: () => open, restart, dump };

  function objects(type: string): Map<string, Json> {
    const found = stored.get(type) ?? new Map<string, Json>();
    stored.set(type, found);
    return found;
  }

  function invoke(method: string, args: Json): Json {
    const [, type = "", verb] = /^x:([A-Za-z]+)\/(get|set|query)$/.exec(method) ?? [];
    if (!Object.hasOwn(SCHEMA.objects, type)) throw new UnknownMethod(`Unknown method ${method}.`);
    if (verb === "set") return set(type, args);
    const list = listed(type, args);
    if (verb === "query")
      return { ids: list.map(({ id }) => id), queryState: "n", canCalculateChanges: false, position: 0 };
    const ids: readonly unknown[] = Array.isArray(args["ids"]) ? args["ids"] : list.map(({ id }) => id);
    const notFound = ids.filter((id) => !list.some((object) => object.id === id));
    return { state: "n", list: list.filter(({ id }) => ids.includes(id)), notFound };
  }

  function listed(type: string, args: Json): readonly (Json & { readonly id: string })[] {
    if (type === "Action") return [];
    if (type === "ApiKey") return keysOf(account(args)[1]);
    if (SCHEMA.objects[type]?.isSingleton === true) return [{ ...masked(type, singleton(type)), id: SINGLETON }];
    return [...objects(type)].map(([id, object]) => ({ ...shown(type, id, object, stored), id }));
  }

  function set(type: string, args: Json): Json {
    const answer = {
      created: {},
      updated: {},
      destroyed: [] as string[],
      notCreated: {},
      notUpdated: {},
      notDestroyed: {},
    };
    each(args["create"], answer.created, answer.notCreated, (value) => create(type, args, value));
    each(args["update"], answer.updated, answer.notUpdated, (value, id) => update(type, args, id, value));
    const destroy: readonly unknown[] = Array.isArray(args["destroy"]) ? args["destroy"] : [];
    const gone: Json = {};
    each(Object.fromEntries(destroy.map((id) => [String(id), {}])), gone, answer.notDestroyed, (_, id) =>
      remove(type, args, id),
    );
    return { ...answer, destroyed: Object.keys(gone), newState: "n" };
  }

  function create(type: string, args: Json, value: Json): Json {
    if (type === "Action") return act(value);
    if (type === "ApiKey") {
      const [accountId, owner] = account(args);
      const key = created("ApiKey", value);
      if (key["description"] == null) throw new Refusal("validationFailed", "description", "Property is required");
      const minted = withApiKey(owner, accountId, { ...key, createdAt: new Date().toISOString() });
      objects("Account").set(accountId, minted.account);
      return { id: minted.id, secret: minted.secret };
    }
    if (SCHEMA.objects[type]?.isSingleton === true) throw new Refusal("singleton", "", "Singletons cannot be created.");
    return { id: insert(type, value) };
  }

  function insert(type: string, value: Json): string {
    const object = { ...created(type, value), ...stamps(type) };
    const checked = type === "Account" ? withCheckedCredentials(undefined, object) : object;
    if (type === "Certificate") refuseCertificate(checked);
    checkObject(type, undefined, checked, stored);
    const count = (counters.get(type) ?? FIRST_ID - 1) + 1;
    counters.set(type, count);
    const id = idOf(count);
    objects(type).set(id, checked);
    return id;
  }

  function update(type: string, args: Json, id: string, value: Json): null {
    if (type === "ApiKey") {
      const [accountId, owner] = account(args);
      objects("Account").set(
        accountId,
        withChangedApiKey(owner, id, (key) => updated("ApiKey", key, value)),
      );
      return null;
    }
    const isSingleton = SCHEMA.objects[type]?.isSingleton === true;
    const before = isSingleton && id === SINGLETON ? singleton(type) : objects(type).get(id);
    if (before === undefined) throw new Refusal("notFound", "", "Object not found.");
    const object = updated(type, before, value);
    const checked = type === "Account" ? withCheckedCredentials(before, object) : object;
    if (type === "Certificate") refuseCertificate(checked);
    checkObject(type, id, checked, stored);
    objects(type).set(id, checked);
    return null;
  }

  function remove(type: string, args: Json, id: string): Json {
    if (type === "ApiKey") {
      const [accountId, owner] = account(args);
      objects("Account").set(accountId, withoutApiKey(owner, id));
      return {};
    }
    if (!objects(type).has(id)) throw new Refusal("notFound", "", "Object not found.");
    const links = linksTo(type, id, stored);
    if (links.length > 0) throw new Refusal("objectIsLinked", "", `Linked by ${links.join(", ")}.`);
    objects(type).delete(id);
    return {};
  }

  function act(value: Json): Json {
    const { "@type": action } = created("Action", value);
    if (action === "ReloadTlsCertificates")
      for (const object of objects("Certificate").values()) refuseCertificate(object);
    if (action === "ReloadSettings") {
      if (options.hasDns !== true && singleton("SpamPyzor")["enable"] === true)
        throw new Refusal("validationFailed", "", "Invalid address: failed to lookup address information");
      takeUp();
    }
    return { id: SINGLETON };
  }

  function refuseCertificate({ certificate, privateKey }: Json): void {
    const [chain, key] = [certificate, privateKey].map((part) => (isObject(part) ? part["filePath"] : undefined));
    if (typeof chain !== "string" || typeof key !== "string")
      throw new Refusal("validationFailed", "certificate", "Property is required");
    const fault = options.certificateFault?.(chain, key);
    if (fault !== undefined) throw new Refusal("validationFailed", "", fault);
  }

  function account({ accountId }: Json): [id: string, account: Json] {
    const found = objects("Account").get(String(accountId));
    if (found?.["@type"] !== "User") throw new Refusal("notFound", "", "Account not found.");
    return [String(accountId), found];
  }

  /** A singleton that was never written has its defaults. */
  function singleton(type: string): Json {
    return objects(type).get(SINGLETON) ?? defaultsOf(type, firstVariant(type));
  }

  function inEffect(type: string): Json {
    return effective.get(type) ?? defaultsOf(type, firstVariant(type));
  }

  function takeUp(): void {
    effective = new Map(
      Object.entries(SCHEMA.objects).flatMap(([type, { isSingleton }]) =>
        isSingleton ? [[type, singleton(type)]] : [],
      ),
    );
  }

  function restart(): void {
    for (const [type, defaults] of Object.entries(START_OBJECTS))
      if (objects(type).size === 0) for (const value of defaults) insert(type, value);
    takeUp();
    open = [...objects("NetworkListener").values()]
      .flatMap(({ bind }) => Object.keys(isObject(bind) ? bind : {}))
      .map((address) => Number(address.slice(address.lastIndexOf(":") + 1)));
  }

  function dump(): string {
    const all = [...stored].map(([type, entries]) => [type, Object.fromEntries(entries)] as const);
    return JSON.stringify({ objects: Object.fromEntries(all), counters: Object.fromEntries(counters) });
  }

  function load(text: string): void {
    const data = JSON.parse(text) as {
      objects: Record<string, Record<string, Json>>;
      counters: Record<string, number>;
    };
    for (const [type, entries] of Object.entries(data.objects)) stored.set(type, new Map(Object.entries(entries)));
    for (const [type, count] of Object.entries(data.counters)) counters.set(type, count);
  }
}

function keysOf(account: Json): readonly (Json & { readonly id: string })[] {
  return credentialsOf(account).flatMap((credential) => {
    if (credential["@type"] !== "ApiKey") return [];
    const { credentialId, ...key } = masked("Credential", credential);
    return [{ ...key, id: String(credentialId) }];
  });
}

/** Runs one part of a set; a `Refusal` goes to the object's own answer. */
function each(
  part: unknown,
  done: Record<string, unknown>,
  refused: Record<string, unknown>,
  run: (value: Json, key: string) => unknown,
): void {
  if (!isObject(part)) return;
  for (const [key, value] of Object.entries(part)) {
    try {
      if (!isObject(value)) throw new Refusal("invalidPatch", "", "Invalid value for object property");
      done[key] = run(value, key);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      refused[key] = error.toJSON();
    }
  }
}

/** What Stalwart sets when an object comes into being. */
function stamps(type: string): Json {
  return ["Account", "Domain", "DkimSignature", "AllowedIp", "QueuedMessage"].includes(type)
    ? { createdAt: new Date().toISOString() }
    : {};
}

function firstVariant(type: string): unknown {
  if (!isVariant(type)) return undefined;
  const schema = SCHEMA.schemas[type];
  return schema !== undefined && "variants" in schema ? Object.keys(schema.variants)[0] : undefined;
}

function idOf(count: number): string {
  const digit = ID_ALPHABET[count % ID_ALPHABET.length] ?? "";
  return count < ID_ALPHABET.length ? digit : idOf(Math.floor(count / ID_ALPHABET.length)) + digit;
}
