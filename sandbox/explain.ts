import { CommandError } from "@pulumi/pulumi/automation";

import { StackFileError } from "../infra/settings/stack-file";
import { NoAutoconfig } from "./autoconfig";
import { Refusal } from "./cloud/refusal";
import { Changed } from "./converge";
import { PolicyMismatch } from "./mta-sts";
import { NotDelivered } from "./send";

/** Why a run failed, in words that a person can act on; a stack trace only for what is a defect of the sandbox. */
export function explain(error: unknown): string {
  if (process.env["SANDBOX_DEBUG"] && error instanceof CommandError) return error.message;
  if (error instanceof CommandError) return explainEngine(error.message);
  if (error instanceof Refusal) return `The deployment was refused:\n  ${error.message}`;
  const isResult = [NotDelivered, Changed, PolicyMismatch, NoAutoconfig, StackFileError].some(
    (kind) => error instanceof kind,
  );
  if (isResult && error instanceof Error) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** The engine shows a refused resource several times; its own summary once. */
function explainEngine(output: string): string {
  const refused = [...output.matchAll(/^.*?\S+:\S+:(\w+ \S+) \*\*\w+ failed\*\* error: (.*)$/gm)];
  if (refused.length > 0)
    return [
      "The deployment was refused:",
      ...refused.map(([, resource, why]) => `  ${resource ?? ""}: ${why ?? ""}`),
    ].join("\n");
  const diagnostics = /^Diagnostics:\n([^]*?)(?=^\S|(?![^]))/m.exec(output)?.[1];
  return `Pulumi failed:\n${diagnostics ?? output}`;
}
