import * as pulumi from "@pulumi/pulumi";
import { serializeProperties } from "@pulumi/pulumi/runtime/rpc";

import { isProps, type Props } from "../../sandbox/cloud/props";
import { isSecretMark, withoutSecretMarks } from "../../sandbox/engine/secrets";

/** A resource as the program declared it: what a stack transformation and the resource itself show. */
export interface Declared {
  readonly type: string;
  readonly name: string;
  /** As they go to the engine, secrets marked. */
  readonly inputs: Props;
  readonly parent: string | undefined;
  readonly options: pulumi.CustomResourceOptions;
  readonly urn: string;
}

/** To be called in the program. The result shows, once the program has ended, what it declared. */
export function watchDeclared(): () => Promise<readonly Declared[]> {
  const seen: { args: pulumi.ResourceTransformationArgs; inputs: Promise<Props> }[] = [];
  pulumi.runtime.registerStackTransformation((args) => {
    // The mocks show a whole list as secret when one item is; on the wire each value has its own mark.
    seen.push({ args, inputs: serializeProperties(args.name, args.props) });
    return undefined;
  });
  return async () => {
    const resources: Declared[] = [];
    for (const { args, inputs } of seen) {
      const { type, name, opts, resource } = args;
      const parent = opts.parent && (await valueOf(opts.parent.urn));
      resources.push({ type, name, inputs: await inputs, parent, options: opts, urn: await valueOf(resource.urn) });
    }
    return resources;
  };
}

export function valueOf<T>(output: pulumi.Output<T>): Promise<T> {
  return new Promise((resolve) => output.apply(resolve));
}

export const isComponent = ({ type }: Pick<Declared, "type">): boolean => type.startsWith("mail:");

/** A line for each, for a golden list. */
export const listed = (resources: readonly Declared[]): string[] =>
  resources.map(({ type, name }) => `${name}  ${type}`).sort();

/** The one resource of that name that is no component. */
export function named(resources: readonly Declared[], name: string): Declared {
  const found = resources.filter((resource) => resource.name === name && !isComponent(resource));
  const [only] = found;
  if (only === undefined || found.length > 1) throw new Error(`${found.length} resources are called ${name}`);
  return only;
}

/** Expects every resource of a provider to have a component as parent, which its name begins with. Gives the components. */
export function expectParents(resources: readonly Declared[]): readonly string[] {
  const components = new Map(resources.filter(isComponent).map(({ urn, name }) => [urn, name]));
  for (const { name, parent, urn } of resources.filter(({ type }) => /^(cloudflare|command|aws):/.test(type))) {
    const component = components.get(parent ?? "");
    expect({ name, component }).toEqual({ name, component: expect.any(String) as string });
    expect(`${name}-`.startsWith(`${component ?? "?"}-`)).toBe(true);
    expect(urn).toMatch(/\$(cloudflare|command|aws):/);
  }
  return [...components.values()].sort();
}

/** Every text inside, with whether it lies within a secret. */
export function texts(value: unknown, secret = false): { text: string; secret: boolean }[] {
  if (typeof value === "string") return [{ text: value, secret }];
  if (Array.isArray(value)) return value.flatMap((item) => texts(item, secret));
  if (!isProps(value)) return [];
  return Object.values(value).flatMap((item) => texts(item, secret || isSecretMark(value)));
}

export function plain(value: unknown): unknown {
  return withoutSecretMarks(value);
}

/** The lines between BEGIN and END count one by one: a key without its armour is a key as well. */
export function linesOf(secret: string): string[] {
  return secret.split("\n").filter((line) => line.length > 20 && !line.startsWith("-----"));
}
