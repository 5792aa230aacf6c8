import type { Program } from "../docker/container";

/** The sandbox has no repository to speak with: tests/judges/backup-restic.test.ts runs the real restic. */
export const restic: Program = {
  run: () => Promise.resolve({ code: 1, stdout: "", stderr: "Fatal: the sandbox has no repository\n" }),
};
