import * as runtime from "@pulumi/pulumi/runtime";

import { invoke } from "../cloud/invoke";
import { isProps, type Props } from "../cloud/props";
import type { World } from "../cloud/world";
import { COMMAND } from "./command";
import { carriedOut } from "./providers";
import { withoutSecretMarks } from "./secrets";

export interface Registered {
  readonly type: string;
  readonly name: string;
  /** As the program gave them, secrets still marked. */
  readonly inputs: Props;
}

export interface Mocked {
  /** The custom resources in the order in which they were made. */
  readonly registered: readonly Registered[];
  /** The stack itself and the components. */
  readonly components: readonly Registered[];
  /** What the model refused. */
  readonly failures: readonly Error[];
}

/**
 * Lets the SDK's mocks answer from the model of the outside world: the whole program runs without an engine, and the
 * model refuses what the services refuse. Commands run on their hosts. State, diff and a second `up` are not exercised this way.
 */
export async function useMocks(world: World, project: string, stack: string): Promise<Mocked> {
  const registered: Registered[] = [];
  const components: Registered[] = [];
  const failures: Error[] = [];
  await runtime.setMocks(
    {
      async newResource({ type, name, inputs, custom }) {
        const given: unknown = inputs;
        const props = isProps(given) ? given : {};
        if (custom !== true) {
          components.push({ type, name, inputs: props });
          return { id: undefined, state: props };
        }
        // The engine's own; what its resources do is the model's.
        if (type.startsWith("pulumi:providers:")) return { id: name, state: props };
        registered.push({ type, name, inputs: props });
        const plain = withoutSecretMarks(props);
        if (!isProps(plain)) throw new Error(`${type} ${name}: inputs are no object`);
        // As with the engine: after a failure no command begins. It would wait for what never comes.
        if (failures.length > 0 && type === COMMAND) return { id: "", state: { ...props, stdout: "" } };
        const remote = await remember(failures, { id: "", props: {} }, async () =>
          world.create(type, name, await carriedOut(world, "create", type, plain, {})),
        );
        return { id: remote.id, state: { ...remote.props } };
      },
      async call({ token, inputs }) {
        const args: unknown = inputs;
        return { ...(await remember(failures, {}, () => invoke(world, token, isProps(args) ? args : {}))) };
      },
    },
    project,
    stack,
    false,
  );
  return { registered, components, failures };
}

/**
 * The first failure says why. It is kept instead of thrown: the SDK would leave a rejected promise behind for every
 * resource that depends on this one.
 */
async function remember<T>(failures: Error[], otherwise: T, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    failures.push(error instanceof Error ? error : new Error(String(error)));
    return otherwise;
  }
}
