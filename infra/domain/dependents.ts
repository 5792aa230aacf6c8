import { existsSync, readdirSync } from "node:fs";

import { hostStackOf } from "../settings/further";
import { readStackFile, StackFileError } from "../settings/stack-file";

const STACK_FILE = /^Pulumi\.(?<stack>.+)\.yaml$/;

/** The stacks that have a file in this folder, in order of their names; none without a folder. */
export function stacksIn(projectFolder: string): readonly string[] {
  if (!existsSync(projectFolder)) return [];
  return readdirSync(projectFolder)
    .flatMap((file) => STACK_FILE.exec(file)?.groups?.["stack"] ?? [])
    .sort();
}

/**
 * The stacks of further domains whose files in the project's folder name this stack as their host, in order of their names.
 * A file says what somebody means to have, not what the backend has; one that cannot be read says nothing. Without a folder
 * none: the automation API has a word in its place when the program is a function ("rootDirectory").
 */
export function dependentStacks(projectFolder: string, hostStack: string): readonly string[] {
  return stacksIn(projectFolder).filter((stack) => hostStackIn(projectFolder, stack) === hostStack);
}

/**
 * What an operator must know who lifts the protection of a host with further domains, undefined without any. Lifting it is
 * the last step on the way to a destroy at which this program runs: `pulumi destroy` does not run it.
 */
export function unprotectedHost(hostStack: string, dependents: readonly string[]): string | undefined {
  const [first] = dependents;
  if (first === undefined) return undefined;
  return (
    `${hostStack} is the host of ${dependents.join(", ")} (mail:hostStack in the files of these stacks), and mail:protect is ` +
    `false: pulumi destroy --stack ${hostStack} would take tunnel, Access and relay from them too, and nothing would refuse. ` +
    `Destroy them first (pulumi destroy --stack ${first}, pulumi stack rm ${first}), or protect the host again: ` +
    `pulumi config set mail:protect true --stack ${hostStack}`
  );
}

function hostStackIn(projectFolder: string, stack: string): string {
  try {
    return hostStackOf(readStackFile(stack, projectFolder).raw);
  } catch (error) {
    if (error instanceof StackFileError) return "";
    throw error;
  }
}
