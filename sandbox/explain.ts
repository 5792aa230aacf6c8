import { CommandError } from "@pulumi/pulumi/automation";

import { StackFileError } from "../infra/settings/stack-file";
import { NoAutoconfig } from "./autoconfig";
import { Refusal } from "./cloud/refusal";
import { ClockIsBehind } from "./edge/miniflare";
import { Changed } from "./converge";
import { PolicyMismatch } from "./mta-sts";
import { NotReached } from "./phone";
import { NotDelivered } from "./send";

/** Why a run failed, in words that a person can act on; a stack trace only for what is a defect of the sandbox. */
export function explain(error: unknown): string {
  if (error instanceof CommandError) return explainEngine(error.message);
  if (error instanceof Refusal) return `The deployment was refused:\n  ${error.message}`;
  const isResult = [
    NotDelivered,
    Changed,
    PolicyMismatch,
    NoAutoconfig,
    NotReached,
    StackFileError,
    ClockIsBehind,
  ].some((kind) => error instanceof kind);
  if (isResult && error instanceof Error) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** The engine shows a refused resource several times; under `Diagnostics` once, with all lines of its error. */
function explainEngine(output: string): string {
  const diagnostics = /^Diagnostics:\n([^]*?)(?=^\S|(?![^]))/m.exec(output)?.[1];
  const refused = (diagnostics ?? "").split(/^(?= {2}\S+ \(\S+\):$)/m).flatMap(refusedResource);
  if (refused.length > 0) return ["The deployment was refused:", ...refused].join("\n");
  return `Pulumi failed:\n${diagnostics ?? output}`;
}

function refusedResource(block: string): string[] {
  const [, type = "", name = "", text = ""] = /^ {2}\S+:(\w+) \((\S+)\):\n([^]*)$/.exec(block) ?? [];
  const errors = text.split(/^(?= {4}\w+: )/m).filter((message) => message.startsWith("    error: "));
  if (type === "Stack" || errors.length === 0) return [];
  return errors.map((error) => `  ${type} ${name}: ${error.slice("    error: ".length).trimEnd()}`);
}
