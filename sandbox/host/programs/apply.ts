import { isProps, type Props, sameJson } from "../../cloud/props";
import { type Operation, PlanError, readPlan, resolved } from "./plan";

/** One call of Stalwart's management interface: `x:Object/get` or `x:Object/set`. */
export type ManagementCall = (method: string, args: Props) => Promise<Props>;

export interface Applied {
  readonly created: number;
  readonly updated: number;
  readonly destroyed: number;
}

/** The server refused an operation: those before it stay applied, those after it were not sent. */
export class ApplyError extends Error {}

const SINGLETON = "singleton";

/**
 * What `stalwart-cli apply` does with a plan (facts from running 1.0.13 against 0.16.18): destroys come first and in reverse
 * order, then everything in order, always written and never compared; the objects that a reconcile does not name are
 * destroyed at the very end, so an error anywhere leaves them.
 *
 * @throws PlanError before anything is sent, ApplyError at the first refusal
 */
export async function applyPlan(text: string, call: ManagementCall): Promise<Applied> {
  const operations = readPlan(text);
  const ids = new Map<string, string>();
  const done = { created: 0, updated: 0, destroyed: 0 };
  const kept = new Map<string, Set<string>>();

  for (const { object, value } of operations.filter(({ kind }) => kind === "destroy").reverse())
    await destroy(object, (found) => Object.entries(value).every(([key, item]) => sameJson(found[key], item)));
  for (const operation of operations) await apply(operation);
  for (const { object } of operations.filter(({ kind }) => kind === "reconcile").reverse())
    await destroy(object, ({ id }) => !(kept.get(object)?.has(String(id)) ?? false));
  return done;

  async function apply({ kind, object, matchOn, value, id }: Operation): Promise<void> {
    switch (kind) {
      case "destroy":
        return;
      case "update":
        await update(object, id === undefined ? SINGLETON : resolvedId(id), resolved(value, ids));
        return;
      case "create":
        for (const [name, item] of Object.entries(value)) await create(object, name, resolved(asProps(item), ids));
        return;
      default:
        await upsert(object, matchOn, value);
    }
  }

  async function upsert(object: string, matchOn: readonly string[], value: Props): Promise<void> {
    for (const [name, item] of Object.entries(value)) {
      const wanted = resolved(asProps(item), ids);
      const keys = wanted["@type"] === undefined ? matchOn : ["@type", ...matchOn];
      const found = (await list(object)).find((candidate) =>
        keys.every((key) => sameJson(candidate[key], wanted[key])),
      );
      const found_ = found && String(found["id"]);
      if (found_ === undefined) await create(object, name, wanted);
      else {
        await update(object, found_, wanted);
        ids.set(name, found_);
      }
      const all = kept.get(object) ?? new Set();
      kept.set(object, all.add(ids.get(name) ?? ""));
    }
  }

  async function list(object: string): Promise<readonly Props[]> {
    const { list: found } = await call(`x:${object}/get`, { ids: null });
    return Array.isArray(found) ? found.filter(isProps) : [];
  }

  async function create(object: string, name: string, value: Props): Promise<void> {
    const { created, notCreated } = await call(`x:${object}/set`, { create: { [name]: value } });
    const made = isProps(created) ? created[name] : undefined;
    if (!isProps(made)) throw refused(`${object}: create failed for '${name}'`, notCreated, name);
    if (typeof made["id"] === "string") ids.set(name, made["id"]);
    done.created += 1;
  }

  async function update(object: string, id: string, value: Props): Promise<void> {
    // The variant is part of the patch of a singleton only.
    const { "@type": variant, ...rest } = value;
    const patch = id === SINGLETON && variant !== undefined ? value : rest;
    const { updated, notUpdated } = await call(`x:${object}/set`, { update: { [id]: patch } });
    if (!isProps(updated) || !(id in updated)) throw refused(`${object}: update failed for id ${id}`, notUpdated, id);
    done.updated += 1;
  }

  async function destroy(object: string, isMeant: (found: Props) => boolean): Promise<void> {
    const meant = (await list(object)).filter(isMeant).map(({ id }) => String(id));
    if (meant.length === 0) return;
    const { destroyed, notDestroyed } = await call(`x:${object}/set`, { destroy: meant });
    const left = meant.find((id) => !Array.isArray(destroyed) || !destroyed.includes(id));
    if (left !== undefined) throw refused(`${object}: destroy failed for id ${left}`, notDestroyed, left);
    done.destroyed += meant.length;
  }

  function resolvedId(id: string): string {
    const known = id.startsWith("#") ? ids.get(id.slice(1)) : id;
    if (known === undefined) throw new PlanError(`unresolved reference '${id}'`);
    return known;
  }
}

function refused(what: string, errors: unknown, key: string): ApplyError {
  const error = isProps(errors) ? errors[key] : undefined;
  const { type, description, properties }: Props = isProps(error) ? error : {};
  const parts = [type, description, Array.isArray(properties) ? `Properties: ${properties.join(", ")}` : undefined];
  return new ApplyError(`${what}: ${parts.filter((part) => typeof part === "string").join(" | ") || "no answer"}`);
}

function asProps(value: unknown): Props {
  if (!isProps(value)) throw new PlanError("invalid type: expected an object");
  return value;
}
