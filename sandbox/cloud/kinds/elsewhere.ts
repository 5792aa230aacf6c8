import type { Kind } from "../kind";
import { textAt, textsAt } from "../props";
import { Refusal } from "../refusal";

/** tailscale:index/tailnetKey:TailnetKey: every input replaces; a tagged key needs its tag in the policy's tagOwners. */
export const tailnetKey: Kind = {
  secret: ["key"],
  replaceOn: ["description", "ephemeral", "expiry", "preauthorized", "reusable", "tags"],
  computed: ["key", "createdAt", "expiresAt", "invalid"],
  filled: ["expiry", "ephemeral", "preauthorized", "reusable", "recreateIfInvalid"],
  create(inputs, world) {
    if ((textAt(inputs, "description") ?? "").length > 50)
      throw new Refusal(400, undefined, "description is longer than 50 characters");
    const bad = textsAt(inputs, "tags").find((tag) => !tag.startsWith("tag:"));
    if (bad !== undefined) throw new Refusal(400, undefined, `requested tags [${bad}] are invalid or not permitted`);
    return { id: world.newId(), props: { ...inputs, key: `tskey-auth-${world.newId()}` } };
  },
  update: (remote, inputs) => ({ ...remote.props, ...inputs }),
  delete: () => undefined,
};

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
