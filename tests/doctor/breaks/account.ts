import { noObjects } from "../../../sandbox/cloud/buckets";
import { R2_BUCKET, R2_LIFECYCLE } from "../../../sandbox/cloud/kinds/r2";
import { SCRIPT, SUBDOMAIN } from "../../../sandbox/cloud/kinds/workers";
import type { Props } from "../../../sandbox/cloud/props";
import type { World } from "../../../sandbox/cloud/world";
import type { Break, Undo } from "../break";
import { UP } from "./public";

/** Changes the account as somebody at the dashboard would; the answer undoes it. */
export type Change = (world: World) => Undo | Promise<Undo>;

type Which = (props: Props) => boolean;

const DAY_MS = 86_400_000;
export const inDays = (days: number) => new Date(Date.now() + days * DAY_MS + DAY_MS / 2).toISOString();

export function alter(type: string, which: Which, patch: Props): Change {
  return (world) => {
    const { props } = found(world, type, which);
    const before = Object.fromEntries(Object.keys(patch).map((key) => [key, props[key]]));
    Object.assign(props, patch);
    return () => void Object.assign(props, before);
  };
}

export function remove(type: string, which: Which): Change {
  return (world) => {
    const remote = found(world, type, which);
    const key = type === SUBDOMAIN || type === R2_LIFECYCLE ? "" : remote.id;
    world.forget(type, key);
    return () => world.putBack(type, remote);
  };
}

export function found(world: World, type: string, which: Which) {
  const remote = world.all(type).find(({ props }) => which(props));
  if (!remote) throw new Error(`the account has no such ${type}`);
  return remote;
}

export function zone(change: (zone: World["zones"][number]) => () => void): Change {
  return (world) => {
    const [first] = world.zones;
    if (!first) throw new Error("the account has no zone");
    return change(first);
  };
}

/** A message in the spool, whose name is that of the moment when it is put there. */
export function inBucket(keyNow: () => string): Change {
  return async (world) => {
    const key = keyNow();
    const bucket = String(found(world, R2_BUCKET, any).props["name"]);
    await world.buckets.put(bucket, key, Buffer.from("x"));
    return () => world.buckets.delete(bucket, key);
  };
}

export const any = () => true;
export const script = (name: string) => (props: Props) => props["scriptName"] === name;
export const named = (name: string) => (props: Props) => props["name"] === name;
export const INBOUND = script("mail-inbound");
export const PUBLIC = script("mail-inbound-public");
const bindings = (world: World, which: Which) => found(world, SCRIPT, which).props["bindings"] as readonly Props[];

/** The sandbox keeps a bucket in the runtime of the Worker that has it; without that Worker it is empty here. */
export function apartFromBucket(change: Change): Change {
  return async (world) => {
    const { buckets } = world;
    world.buckets = noObjects();
    const undo = await change(world);
    return async () => {
      await undo();
      world.buckets = buckets;
    };
  };
}

/** Another value, one too many, or one that is gone. */
export function rebind(which: Which, change: (bindings: readonly Props[]) => readonly Props[]): Change {
  return (world) => alter(SCRIPT, which, { bindings: change(bindings(world, which)) })(world);
}

export const waiting = (minutes: number) =>
  `spool/${new Date(Date.now() - minutes * 60_000).toISOString()}-0123abcd.eml`;

/** The account with something broken; the program's values mend it unless another remedy is told. */
export function broken(id: string, what: string, current: RegExp, change: Change, more: Partial<Break> = {}): Break {
  return { id, what, status: "error", current, remedy: UP, apply: ({ outside }) => change(outside.world), ...more };
}
