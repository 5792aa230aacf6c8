import type { Props } from "./props";

export type Step = "create" | "update" | "delete";

/** What becomes of a command on a host. The cloud knows its resource; whoever has hosts runs it. */
export interface Commands {
  /**
   * @param before the resource's state before the step
   * @returns the properties after it: the inputs with `stdout` and `stderr`
   */
  run(step: Step, inputs: Props, before: Props): Promise<Props>;
}

/** For a world without hosts: every command ends well and says nothing. */
export function noHosts(): Commands {
  return { run: (_step, inputs) => Promise.resolve({ ...inputs, stdout: "", stderr: "" }) };
}
