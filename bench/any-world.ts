import type { Kind } from "../sandbox/cloud/kind";
import { World } from "../sandbox/cloud/world";

/** Takes everything as it comes: the bare program's resources refer to nothing that exists. */
export class AnyWorld extends World {
  override kind(): Kind {
    return {
      replaceOn: [],
      computed: [],
      create: (inputs, world) => ({ id: world.newId(), props: inputs }),
      update: (_remote, inputs) => inputs,
      delete: () => undefined,
    };
  }
}
