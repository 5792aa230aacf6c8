import { Fault } from "./fault";
import type { Http } from "./http";
import { isFields } from "./plan-line";
import type { Registry } from "./registry";
import { namesIn, readIfThere, removeDurably, SECRET_MODE, writeDurably } from "./store";

/** Stalwart's default, for each account. */
const MAX_KEYS = 5;
const KEY_FORM = /^API_[A-Za-z0-9_-]{16,512}$/;

/** What a key is minted for and where it is kept. */
export interface KeyPlace {
  /** Id of the service account. */
  readonly accountId: string;
  /** Folder of `worker-<number>`, on the host. */
  readonly folder: string;
  /** IP address from which Stalwart sees the Worker come. Keys are valid only from there, so a stolen one is useless elsewhere. */
  readonly address: string;
}

interface ServerKey {
  readonly id: string;
  readonly description: string;
  readonly allowedIps: readonly string[];
}

/**
 * The Worker's key with this number: the stored one while the server accepts it, otherwise a new one. First all keys of the
 * Worker are bound to its address, including those of an earlier release or another `mail:hostSubnet`. Wherever a run is killed,
 * the next one ends with one key on the server and the same one on the host: a key whose secret was not stored is withdrawn,
 * because nobody can have it.
 */
export async function ensureKey(number: number, place: KeyPlace, http: Http, registry: Registry): Promise<string> {
  const file = keyFile(place, number);
  const stored = readIfThere(file)?.trim();
  const keys = await serverKeys(registry, place);
  await bind(keys, place, registry);
  if (stored !== undefined && KEY_FORM.test(stored) && (await isTaken(http, stored, place))) return stored;

  const namesakes = keys.filter(({ description }) => description === keyName(number));
  if (namesakes.length > 0) await destroy(registry, place, namesakes);
  if (keys.length - namesakes.length >= MAX_KEYS) throw tooMany(number, keys);
  const secret = await mint(number, place, registry);
  writeDurably(file, `${secret}\n`, SECRET_MODE);
  if (await isTaken(http, secret, place)) return secret;
  throw new Fault(
    `Stalwart minted the key ${keyName(number)} and refuses it.`,
    "The Worker could deliver nothing with it, so it is not given to the Worker.",
    "Look at the role of the service account: the plan gives it the permission to authenticate.",
  );
}

/**
 * Withdraws the keys with lower numbers, on the server and on the host. Throws a `Fault` when the one with this number
 * does not work: then a lower one may be what the Worker lives on.
 */
export async function retireKeys(number: number, place: KeyPlace, http: Http, registry: Registry): Promise<number> {
  const stored = readIfThere(keyFile(place, number))?.trim();
  if (stored === undefined || !(await isTaken(http, stored, place)))
    throw new Fault(
      `The key ${keyName(number)} is not there or Stalwart refuses it.`,
      "Older keys stay: the Worker may be using one.",
      "Run pulumi up again: it mints the key first.",
    );
  const older = (await serverKeys(registry, place)).filter((key) => numberOf(key) < number);
  if (older.length > 0) await destroy(registry, place, older);
  for (const name of namesIn(place.folder)) {
    const [, digits] = /^worker-([1-9]\d{0,3})$/.exec(name) ?? [];
    if (digits !== undefined && Number(digits) < number) removeDurably(`${place.folder}/${name}`);
  }
  return older.length;
}

/** The key with the highest number that is stored. Throws a `Fault` when there is none. */
export function newestKey(folder: string): string {
  const numbers = namesIn(folder).flatMap((name) => /^worker-([1-9]\d{0,3})$/.exec(name)?.[1] ?? []);
  const newest = Math.max(...numbers.map(Number));
  const key = readIfThere(`${folder}/worker-${newest}`)?.trim();
  if (key !== undefined) return key;
  throw new Fault("The Worker has no key on this host.", "Nothing was tried.", "Run pulumi up: it mints one.");
}

/** Undefined when a key of the Worker cannot have this number. */
export function keyNumber(text: string): number | undefined {
  return /^[1-9]\d{0,3}$/.test(text) ? Number(text) : undefined;
}

/** Of a key that is not the Worker's: none, which is below no number. */
function numberOf({ description }: ServerKey): number {
  const [, digits] = /^mail-worker-([1-9]\d{0,3})$/.exec(description) ?? [];
  return digits === undefined ? NaN : Number(digits);
}

function keyName(number: number): string {
  return `mail-worker-${number}`;
}

function keyFile({ folder }: KeyPlace, number: number): string {
  return `${folder}/worker-${number}`;
}

async function serverKeys(registry: Registry, { accountId }: KeyPlace): Promise<readonly ServerKey[]> {
  const keys = await registry.get("ApiKey", accountId);
  return keys.map(({ id, description, allowedIps }) => ({
    id,
    description: typeof description === "string" ? description : "",
    allowedIps: isFields(allowedIps) ? Object.keys(allowedIps) : [],
  }));
}

/** Keys of somebody else stay as they are. */
async function bind(keys: readonly ServerKey[], { accountId, address }: KeyPlace, registry: Registry): Promise<void> {
  const unbound = keys
    .filter((key) => !Number.isNaN(numberOf(key)))
    .filter(({ allowedIps: [first, ...more] }) => first !== address || more.length > 0);
  if (unbound.length === 0) return;
  const update = Object.fromEntries(unbound.map(({ id }) => [id, { allowedIps: { [address]: true } }]));
  const { refused } = await registry.set("ApiKey", { accountId, update });
  const open = unbound.find(({ id }) => refused[id] !== undefined);
  if (open === undefined) return;
  throw new Fault(
    `Stalwart does not bind the key ${open.description} to the Worker's address: ${refused[open.id]?.description ?? ""}.`,
    "Anybody who has the key can use it from anywhere.",
    "Raise mail:workerKeyNumber by one and run pulumi up: a new key is bound when it is made.",
  );
}

async function isTaken(http: Http, key: string, { address }: KeyPlace): Promise<boolean> {
  const { status } = await http("/jmap/session", { authorization: `Bearer ${key}`, from: address });
  if (status === 200) return true;
  if (status === 401) return false;
  throw new Fault(
    `Stalwart answers a request with a key of the Worker with HTTP ${status}.`,
    "Whether it takes the key is not known, and nothing was changed.",
    status === 429
      ? "Wait a minute and run pulumi up again."
      : "Look at the role of the service account and at Blocked IPs.",
  );
}

async function mint(number: number, { accountId, address }: KeyPlace, registry: Registry): Promise<string> {
  const key = {
    description: keyName(number),
    expiresAt: null,
    allowedIps: { [address]: true },
    permissions: { "@type": "Inherit" },
  };
  const { created, refused } = await registry.set("ApiKey", { accountId, create: { key } });
  const secret = created["key"]?.["secret"];
  if (typeof secret === "string" && KEY_FORM.test(secret)) return secret;
  throw new Fault(
    `Stalwart does not mint the key ${keyName(number)}: ${refused["key"]?.description ?? "its answer has no key"}.`,
    "The Worker keeps the key that it has.",
    "Look at the service account's API keys in the administration interface.",
  );
}

async function destroy(registry: Registry, { accountId }: KeyPlace, keys: readonly ServerKey[]): Promise<void> {
  const { refused } = await registry.set("ApiKey", { accountId, destroy: keys.map(({ id }) => id) });
  const kept = keys.find(({ id }) => refused[id] !== undefined && refused[id].type !== "notFound");
  if (kept === undefined) return;
  throw new Fault(
    `Stalwart does not withdraw the key ${kept.description}: ${refused[kept.id]?.description ?? ""}.`,
    "It goes on being valid.",
    "Delete it in the administration interface, at the service account.",
  );
}

function tooMany(number: number, keys: readonly ServerKey[]): Fault {
  return new Fault(
    `The service account has ${keys.length} API keys (${keys.map(({ description }) => description).join(", ")}), and Stalwart allows ${MAX_KEYS}.`,
    `${keyName(number)} cannot be minted; the Worker keeps the key that it has.`,
    "Delete those that nobody uses in the administration interface, at the service account.",
  );
}
