import * as pulumi from "@pulumi/pulumi";
import type { EngineEvent, OutputMap, Stack } from "@pulumi/pulumi/automation";
import * as runtime from "@pulumi/pulumi/runtime";

import { program } from "../infra/program";
import { PROJECT } from "../infra/settings/keys";
import type { RawConfig } from "../infra/settings/parse";
import { readStackFile } from "../infra/settings/stack-file";
import { isProps, type Props } from "./cloud/props";
import { type Mocked, useMocks } from "./engine/mocks";
import type { Outside } from "./outside";
import type { StandIns } from "./stand-ins";

/** What the run needs of the stack's outputs. */
export interface Converged {
  readonly resources: number;
  readonly dnssecDs: string;
}

/** `pulumi up` on the engine. */
export async function up(stack: Stack, signal?: AbortSignal): Promise<Converged> {
  const { outputs, summary } = await stack.up(abortable(signal));
  const resources = Object.values(summary.resourceChanges ?? {}).reduce((sum, count) => sum + count, 0);
  return { resources, dnssecDs: textOf(outputs, "dnssecDs") };
}

/** The second run of an unchanged program changed something: which resources, and in which properties. */
export class Changed extends Error {}

/**
 * The second `up`, after a refresh: only then do providers look at the services.
 *
 * @returns the number of changes of the second `up`
 * @throws Changed when the refreshed preview proposes anything
 */
export async function upAgain(stack: Stack, signal?: AbortSignal): Promise<number> {
  const proposed: string[] = [];
  await stack
    .preview({
      ...abortable(signal),
      refresh: true,
      expectNoChanges: true,
      onEvent: (event) => void proposed.push(...changesIn(event)),
    })
    .catch((error: unknown) => {
      throw proposed.length === 0
        ? error
        : new Changed(`A second up would change:\n${proposed.map((line) => `  ${line}`).join("\n")}`);
    });
  const { summary } = await stack.up(abortable(signal));
  return Object.entries(summary.resourceChanges ?? {})
    .filter(([op]) => op !== "same")
    .reduce((sum, [, count]) => sum + count, 0);
}

function abortable(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}

function changesIn({ resourcePreEvent }: EngineEvent): string[] {
  const { op, urn, diffs } = resourcePreEvent?.metadata ?? { op: "same", urn: "", diffs: [] };
  if (op === "same" || op === "refresh" || op === "read") return [];
  return [`${op} ${urn.split("::").slice(2).join(" ")} ${(diffs ?? []).join(", ")}`];
}

function textOf(outputs: OutputMap, name: string): string {
  const value: unknown = outputs[name]?.value;
  if (typeof value !== "string") throw new Error(`the stack has no output ${name}`);
  return value;
}

export interface WithoutEngineOptions {
  /** In place of the stack's file. */
  readonly raw?: RawConfig;
  /** Outputs of other stacks by their names. */
  readonly stacks?: Readonly<Record<string, Props>>;
}

/** The whole program on the SDK's mocks, for machines without an engine: no state, no diff, no second `up`. */
export async function convergeWithoutEngine(
  stackName: string,
  standIns: StandIns,
  outside: Outside,
  run: () => Promise<object> = program,
  { raw = readStackFile(stackName).raw, stacks = {} }: WithoutEngineOptions = {},
): Promise<Converged & Omit<Mocked, "failures"> & { readonly outputs: Props }> {
  const { registered, components, failures } = await useMocks(outside.world, PROJECT, stackName, stacks);
  const plain = [...raw].flatMap(([key, { text, secret }]): [string, string][] =>
    secret || text === undefined ? [] : [[key, text]],
  );
  const config = Object.fromEntries(
    [...plain, ...Object.entries(standIns.values), ...Object.entries(standIns.secrets)].map(([key, value]) => [
      `${PROJECT}:${key}`,
      value,
    ]),
  );
  const secretKeys = [...Object.keys(standIns.secrets).map((key) => `${PROJECT}:${key}`), "cloudflare:apiToken"];
  runtime.setAllConfig(
    { ...config, "cloudflare:apiToken": standIns.apiToken, "cloudflare:baseUrl": outside.apiUrl },
    secretKeys,
  );
  let outputs: unknown;
  try {
    outputs = await runtime.runInPulumiStack(run);
    await runtime.disconnect();
  } catch (error) {
    // What the program stumbles over next is a consequence of it.
    throw failures[0] ?? error;
  }
  const [failure] = failures;
  if (failure) throw failure;
  return {
    resources: registered.length + components.length,
    registered,
    components,
    dnssecDs: await settled(outputs, "dnssecDs"),
    outputs: isProps(outputs) ? outputs : {},
  };
}

function settled(outputs: unknown, name: string): Promise<string> {
  const value: pulumi.Output<unknown> = pulumi.output(isProps(outputs) ? outputs[name] : undefined);
  return new Promise((resolve, reject) => {
    value.apply((text) =>
      typeof text === "string" ? resolve(text) : reject(new Error(`the program has no output ${name}`)),
    );
  });
}
