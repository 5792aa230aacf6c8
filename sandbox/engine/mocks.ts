import * as runtime from "@pulumi/pulumi/runtime";

import { invoke } from "../cloud/invoke";
import { isProps, type Props } from "../cloud/props";
import type { World } from "../cloud/world";

/** The marker under which the SDK hands over a secret. */
const SIGNATURE = "4dabf18193072939515e22adb298388d";

export interface Registered {
  readonly type: string;
  readonly name: string;
  /** As the program gave them, secrets still marked. */
  readonly inputs: Props;
}

/**
 * Lets the SDK's mocks answer from the model of the outside world: the whole program runs without an engine, and the
 * model refuses what the services refuse. State, diff and a second `up` are not exercised this way.
 *
 * @returns the custom resources in the order in which they were made
 */
export async function useMocks(world: World, project: string, stack: string): Promise<Registered[]> {
  const registered: Registered[] = [];
  await runtime.setMocks(
    {
      newResource({ type, name, inputs, custom }) {
        const given: unknown = inputs;
        const props = isProps(given) ? given : {};
        if (custom !== true) return { id: undefined, state: props };
        registered.push({ type, name, inputs: props });
        const plain = withoutSecretMarks(props);
        if (!isProps(plain)) throw new Error(`${type} ${name}: inputs are no object`);
        const remote = world.create(type, name, plain);
        return { id: remote.id, state: { ...remote.props } };
      },
      call: ({ token, inputs }) => ({ ...invoke(world, token, isProps(inputs) ? inputs : {}) }),
    },
    project,
    stack,
    false,
  );
  return registered;
}

/** True when the SDK marked the value as a secret. */
export function isSecretMark(value: unknown): boolean {
  return isProps(value) && SIGNATURE in value;
}

function withoutSecretMarks(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecretMarks);
  if (!isProps(value)) return value;
  if (isSecretMark(value)) return withoutSecretMarks(value["value"]);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutSecretMarks(item)]));
}
