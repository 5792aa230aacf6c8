import { createHash } from "node:crypto";

import { type Buckets, noObjects } from "./buckets";
import { type Commands, noHosts } from "./commands";
import type { Kind, Remote } from "./kind";
import { KINDS } from "./kinds";
import { canonical, type Props, sameJson } from "./props";
import { Refusal } from "./refusal";
import { Tailnet } from "./tailnet";
import { newZone, type Zone } from "./zone";

/** Anything of the shape of an identifier that the world makes up. */
const ID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}/g;

/** A call of the program or the engine against the outside world, for reports and tests. */
export interface Call {
  readonly action: "create" | "update" | "delete";
  readonly type: string;
  readonly name: string;
}

export interface WorldOptions {
  readonly accountId: string;
  /** The API token that the account accepts. */
  readonly apiToken: string;
  /** Zones that the account already has, by name. */
  readonly zones: readonly Zone[];
  /** The account has subscribed to R2, as it has by default. */
  readonly r2Enabled?: boolean;
}

/** The model of the outside world: every resource that was declared, as the services would keep it. */
export class World {
  readonly accountId: string;
  readonly apiToken: string;
  readonly zones: Zone[];
  readonly r2Enabled: boolean;
  readonly calls: Call[] = [];
  /** What lies in the buckets; the edge puts its own here. */
  buckets: Buckets = noObjects();
  readonly tailnet = new Tailnet();
  /** How many connections a tunnel has to the edge; the connectors put their own here. */
  tunnelConnections: (tunnelId: string) => number = () => 0;
  /** Of the account's Zero Trust organisation; undefined: it has none. cloudflared believes only names below this domain. */
  authDomain: string | undefined = "sandbox.cloudflareaccess.com";
  /** When the API token ends; undefined: never. */
  apiTokenExpiresAt: string | undefined;
  /** Runs commands on hosts; the home puts its own here. */
  commands: Commands = noHosts();
  readonly #remotes = new Map<string, Map<string, Remote>>();
  readonly #failing = new Set<string>();
  /** Which resource an identifier was made for, and as which of its identifiers. */
  readonly #minted = new Map<string, { type: string; place: string; nth: number }>();
  #fresh: string[] = [];
  #count = 0;

  constructor(options: WorldOptions) {
    this.accountId = options.accountId;
    this.apiToken = options.apiToken;
    this.zones = [...options.zones];
    this.r2Enabled = options.r2Enabled ?? true;
  }

  /** Adds a zone as the API does: its servers answer, and nobody is sent to them before the registrar names them. */
  addZone(name: string): Zone {
    const zone: Zone = {
      ...newZone(createHash("sha256").update(name).digest("hex").slice(0, 32), name),
      isPending: true,
    };
    this.zones.push(zone);
    return zone;
  }

  /** @throws Refusal when the sandbox has no model of the type: an unmodelled resource is never waved through. */
  kind(type: string): Kind {
    const kind = KINDS[type];
    if (!kind)
      throw new Refusal(501, undefined, `the sandbox has no model of ${type}; add one under sandbox/cloud/kinds`);
    return kind;
  }

  /** Makes the next create or update of this type fail once, before the service does anything. */
  failOnce(type: string): void {
    this.#failing.add(type);
  }

  create(type: string, name: string, inputs: Props): Remote {
    this.mayFail(type);
    const kind = this.kind(type);
    refuse(kind.check?.(inputs));
    this.#fresh = [];
    const remote = kind.create(inputs, this);
    const key = place(kind, remote.id, remote.props);
    this.#of(type).set(key, remote);
    this.#fresh.forEach((id, nth) => this.#minted.set(id, { type, place: key, nth }));
    this.calls.push({ action: "create", type, name });
    return remote;
  }

  update(type: string, name: string, id: string, inputs: Props): Remote {
    this.mayFail(type);
    const kind = this.kind(type);
    refuse(kind.check?.(inputs));
    const old = this.#existing(type, id, inputs);
    const remote = { id, props: kind.update(old, inputs, this) };
    this.#of(type).set(place(kind, id, remote.props), remote);
    this.calls.push({ action: "update", type, name });
    return remote;
  }

  delete(type: string, name: string, id: string, props: Props): void {
    const kind = this.kind(type);
    const remote = this.#of(type).get(place(kind, id, props));
    if (!remote) return;
    kind.delete(remote, this);
    if (!kind.stays) this.#of(type).delete(place(kind, id, props));
    this.calls.push({ action: "delete", type, name });
  }

  /** What the service says of the resource now; undefined when it has none. */
  read(type: string, id: string, props: Props): Props | undefined {
    const kind = this.kind(type);
    const at = place(kind, id, props);
    const remote = this.#of(type).get(at) ?? kind.found?.(id, this);
    if (!remote) return undefined;
    this.#of(type).set(at, remote);
    return kind.read ? kind.read(remote, this) : remote.props;
  }

  /**
   * What an import by the provider's id finds: no secret, and nothing that only a state could remember.
   * @throws Refusal as the provider words it, when the type cannot be imported or the id has another form.
   */
  imported(type: string, id: string): Remote | undefined {
    const { importId, secret = [] } = this.kind(type);
    if (!importId) throw new Refusal(400, undefined, "This resource does not support import.");
    const segments = id.split("/");
    if (segments.length !== importId.format.split("/").length || segments.includes(""))
      throw new Refusal(400, undefined, `invalid ID: expected urlencoded segments "${importId.format}", got "${id}"`);
    const found = importId.find(segments, this);
    const props = found && this.read(type, found.id, found.props);
    if (!found || !props) return undefined;
    const withheld = importId.readable ? [] : secret;
    const left = Object.fromEntries(Object.entries(props).filter(([key]) => !withheld.includes(key)));
    return { id: found.id, props: importId.readable?.(left) ?? left };
  }

  all(type: string): readonly Remote[] {
    return [...this.#of(type).values()];
  }

  find(type: string, matches: (props: Props) => boolean): Remote | undefined {
    return this.all(type).find((remote) => matches(remote.props));
  }

  zoneById(id: string): Zone {
    const zone = this.zones.find((candidate) => candidate.id === id);
    if (!zone)
      throw new Refusal(404, 7003, `Could not route to /zones/${id}, perhaps your object identifier is invalid?`);
    return zone;
  }

  /** A new identifier: 32 hexadecimal digits, the same in every run with the same history. */
  newId(): string {
    this.#count += 1;
    return this.#mint(createHash("sha256").update(`id ${this.#count}`).digest("hex").slice(0, 32));
  }

  newUuid(): string {
    const hex = this.newId();
    return this.#mint(
      [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
        "-",
      ),
    );
  }

  /** Somebody puts an object back that was forgotten. */
  putBack(type: string, remote: Remote): void {
    this.#of(type).set(place(this.kind(type), remote.id, remote.props), remote);
  }

  /** An object that vanishes together with another one, without a resource's delete. */
  forget(type: string, id: string): void {
    this.#of(type).delete(id);
  }

  /**
   * Everything that is declared and what the zones hold, in an order and with ids that do not depend on how it came
   * about. What only the service sets (times among it) and what is encoded are left out.
   */
  snapshot(): string {
    const rows: [string, unknown][] = [];
    for (const { name, emailRouting, records } of this.zones) {
      rows.push([`zone ${name}`, { emailRouting }]);
      for (const record of records) rows.push([`zone ${name}`, { ...record, id: undefined }]);
    }
    for (const [type, remotes] of this.#remotes)
      for (const { props } of remotes.values()) {
        const { computed, encoded = [] } = this.kind(type);
        const left = new Set([...computed, ...encoded]);
        rows.push([type, Object.fromEntries(Object.entries(props).filter(([key]) => !left.has(key)))]);
      }
    return rows
      .map((row) => canonical(row).replace(ID, (id) => this.#label(id) ?? id))
      .sort()
      .join("\n");
  }

  #label(id: string): string | undefined {
    const made = this.#minted.get(id);
    const owner = made && this.#of(made.type).get(made.place);
    return owner && `<${made.type}#${identity(owner.props)} ${made.nth}>`;
  }

  #of(type: string): Map<string, Remote> {
    const known = this.#remotes.get(type);
    if (known) return known;
    const fresh = new Map<string, Remote>();
    this.#remotes.set(type, fresh);
    return fresh;
  }

  #mint(id: string): string {
    this.#fresh.push(id);
    return id;
  }

  #existing(type: string, id: string, props: Props): Remote {
    const remote = this.#of(type).get(place(this.kind(type), id, props));
    if (!remote) throw new Refusal(404, undefined, `${type} ${id} not found`);
    return remote;
  }

  /** @throws Refusal when {@link failOnce} said so. */
  mayFail(type: string): void {
    if (this.#failing.delete(type)) throw new Refusal(400, undefined, `the sandbox was told to fail one ${type}`);
  }
}

/** What the provider would update: the properties in which the program's inputs differ from the state it keeps. */
export function changedKeys(kind: Kind, inputs: Props, state: Props): readonly string[] {
  const ignored = new Set([...kind.computed, "id"]);
  const filled = new Set(kind.filled ?? []);
  const keys = new Set([...Object.keys(inputs), ...Object.keys(state)]);
  return [...keys].filter((key) => {
    if (ignored.has(key) || key.startsWith("__")) return false;
    if (inputs[key] === undefined && filled.has(key)) return false;
    return !sameJson(inputs[key], state[key]);
  });
}

function place(kind: Kind, id: string, props: Props): string {
  return kind.place ? kind.place(id, props) : id;
}

function refuse(reason: string | undefined): void {
  if (reason !== undefined) throw new Refusal(400, undefined, reason);
}

/** Under what name people know it; not its content, which may carry ids. */
function identity(props: Props): string {
  return ["name", "scriptName", "pattern", "domain", "bucket", "bucketName"]
    .map((key) => props[key])
    .filter((value) => typeof value === "string")
    .join(" ");
}
