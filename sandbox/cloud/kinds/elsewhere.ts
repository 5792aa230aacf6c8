import type { Kind } from "../kind";

/** command:remote:Command: no read of its own. Its provider (sandbox/engine/command.ts) runs it; this keeps what it left. */
export const remoteCommand: Kind = {
  secret: ["connection"],
  replaceOn: ["triggers"],
  computed: ["stdout", "stderr"],
  filled: ["addPreviousOutputInEnv"],
  // The archive of files.
  encoded: ["stdin"],
  create: (inputs, world) => ({ id: world.newId(), props: { stdout: "", stderr: "", ...inputs } }),
  update: (_remote, inputs) => ({ stdout: "", stderr: "", ...inputs }),
  delete: () => undefined,
};
