import { createHash } from "node:crypto";

import type { Kind, Remote } from "./kind";
import { KINDS } from "./kinds";
import { type Props, sameJson } from "./props";
import { Refusal } from "./refusal";
import type { Zone } from "./zone";

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
}

/** The model of the outside world: every resource that was declared, as the services would keep it. */
export class World {
  readonly accountId: string;
  readonly apiToken: string;
  readonly zones: readonly Zone[];
  readonly calls: Call[] = [];
  readonly #remotes = new Map<string, Map<string, Remote>>();
  readonly #failing = new Set<string>();
  #count = 0;

  constructor(options: WorldOptions) {
    this.accountId = options.accountId;
    this.apiToken = options.apiToken;
    this.zones = options.zones;
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
    this.#mayFail(type);
    const kind = this.kind(type);
    refuse(kind.check?.(inputs));
    const remote = kind.create(inputs, this);
    this.#of(type).set(place(kind, remote.id, remote.props), remote);
    this.calls.push({ action: "create", type, name });
    return remote;
  }

  update(type: string, name: string, id: string, inputs: Props): Remote {
    this.#mayFail(type);
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
    const remote = this.#of(type).get(place(kind, id, props));
    if (!remote) return undefined;
    return kind.read ? kind.read(remote, this) : remote.props;
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
    return createHash("sha256").update(`id ${this.#count}`).digest("hex").slice(0, 32);
  }

  newUuid(): string {
    const hex = this.newId();
    return [
      hex.slice(0, 8),
      hex.slice(8, 12),
      `4${hex.slice(13, 16)}`,
      `8${hex.slice(17, 20)}`,
      hex.slice(20, 32),
    ].join("-");
  }

  /** Everything that is declared, in an order and with ids that do not depend on how it came about. */
  snapshot(): string {
    const labels = new Map<string, string>();
    const rows: [string, Props][] = [];
    for (const [type, remotes] of [...this.#remotes].sort())
      for (const remote of remotes.values()) {
        const label = `${type}#${identity(remote.props)}`;
        for (const id of [remote.id, ...Object.values(remote.props)])
          if (typeof id === "string" && isGenerated(id)) labels.set(id, label);
        rows.push([label, remote.props]);
      }
    const text = JSON.stringify(
      rows.sort(([a], [b]) => (a < b ? -1 : 1)),
      null,
      1,
    );
    return [...labels].reduce((result, [id, label]) => result.replaceAll(id, `<${label}>`), text);
  }

  #of(type: string): Map<string, Remote> {
    const known = this.#remotes.get(type);
    if (known) return known;
    const fresh = new Map<string, Remote>();
    this.#remotes.set(type, fresh);
    return fresh;
  }

  #existing(type: string, id: string, props: Props): Remote {
    const remote = this.#of(type).get(place(this.kind(type), id, props));
    if (!remote) throw new Refusal(404, undefined, `${type} ${id} not found`);
    return remote;
  }

  #mayFail(type: string): void {
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

function identity(props: Props): string {
  return ["name", "scriptName", "pattern", "domain", "hostname", "type", "content", "data", "bucket", "create"]
    .map((key) => props[key])
    .filter((value) => value !== undefined)
    .map((value) => (typeof value === "string" ? value : JSON.stringify(value)))
    .join(" ");
}

function isGenerated(id: string): boolean {
  return /^([0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f-]{27})(\.access)?$/.test(id) || id.startsWith("cfast_");
}
