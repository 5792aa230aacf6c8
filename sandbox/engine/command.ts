import type { Step } from "../cloud/commands";
import { isProps, type Props, textAt } from "../cloud/props";
import { withoutSecretMarks } from "./secrets";
import { runOverSsh } from "./ssh-client";

/** The type of which this file is the provider. */
export const COMMAND = "command:remote:Command";

/** Defaults that the provider writes into the inputs when it checks them (remote/connection.go, Annotate). */
const CONNECTION_DEFAULTS: Props = { user: "root", port: 22, dialErrorLimit: 10, perDialTimeout: 15 };

/** What `Check` makes of the inputs, secrets still marked in all but `connection`, which is secret as a whole. */
export function checkedCommand(inputs: Props): Props {
  const connection = withoutSecretMarks(inputs["connection"]);
  return isProps(connection) ? { ...inputs, connection: { ...CONNECTION_DEFAULTS, ...connection } } : inputs;
}

/**
 * Runs what a Command says for one step of its life (remote/commandController.go): an update without `update` runs
 * `create` again, a delete without `delete` runs nothing.
 *
 * @param before the resource's state before the step
 * @returns the properties after it: the inputs with `stdout` and `stderr`, without their last line end
 * @throws Error as the provider words it; it contains the command and all that it printed, and not its standard input
 */
export async function runCommand(step: Step, inputs: Props, before: Props): Promise<Props> {
  const command = step === "update" ? (textAt(inputs, "update") ?? textAt(inputs, "create")) : textAt(inputs, step);
  const outputs = { stdout: textAt(before, "stdout") ?? "", stderr: textAt(before, "stderr") ?? "" };
  if (command === undefined) return { ...inputs, ...outputs };
  const connection = inputs["connection"];
  const ran = await runOverSsh(
    isProps(connection) ? connection : {},
    command,
    textAt(inputs, "stdin") ?? "",
    environmentOf(inputs, outputs),
  );
  if (ran.failure !== undefined) throw new Error(`${ran.failure}: running ${JSON.stringify(command)}:\n${ran.both}`);
  return { ...inputs, stdout: withoutLineEnd(ran.stdout), stderr: withoutLineEnd(ran.stderr) };
}

/** What the client asks the server to set. sshd refuses all that AcceptEnv does not name. */
function environmentOf(inputs: Props, { stdout, stderr }: { stdout: string; stderr: string }): Record<string, string> {
  const asked = inputs["environment"];
  const own = isProps(asked) ? Object.fromEntries(Object.entries(asked).map(([key, text]) => [key, String(text)])) : {};
  if (Object.keys(own).length > 0)
    throw new Error(`could not set environment variable ${JSON.stringify(Object.keys(own)[0])}: ssh: setenv failed`);
  if (inputs["addPreviousOutputInEnv"] === false) return {};
  return {
    ...(stdout === "" ? {} : { PULUMI_COMMAND_STDOUT: stdout }),
    ...(stderr === "" ? {} : { PULUMI_COMMAND_STDERR: stderr }),
  };
}

function withoutLineEnd(text: string): string {
  return text.endsWith("\n") ? text.slice(0, -1) : text;
}
