import { mkdirSync } from "node:fs";
import { join } from "node:path";

import {
  LocalWorkspace,
  type LocalWorkspaceOptions,
  type PulumiCommand,
  type PulumiFn,
  type Stack,
} from "@pulumi/pulumi/automation";
import { PROJECT } from "../../infra/settings/keys";
import { type StackFileOptions, toSettings } from "./checkout";
import { temporaryFolder } from "../temporary";
import type { Providers } from "./providers";

export interface SandboxStack {
  readonly stack: Stack;
  /** The backend's folder. */
  readonly state: string;
  /** The state as it lies in the backend: what is secret there is encrypted. */
  readonly stateFile: string;
  /** Where another process finds the same stack. */
  readonly workspace: Pick<LocalWorkspaceOptions, "workDir" | "pulumiHome" | "envVars">;
  /** Removes everything that the run made; the state with the first stack in it. */
  readonly remove: () => void;
}

export interface SandboxStackOptions extends StackFileOptions {
  /** The new stack shares that one's backend, and can refer to it. */
  readonly beside?: SandboxStack;
  readonly command: PulumiCommand;
  readonly program: PulumiFn;
  readonly providers: Providers;
}

/**
 * A stack on the real engine: the project's own Pulumi.yaml and stack file with what is secret replaced, state in a
 * folder that is thrown away, providers served by this process.
 */
export async function createStack(options: SandboxStackOptions): Promise<SandboxStack> {
  const { path: folder, remove } = temporaryFolder();
  const state = options.beside?.state ?? join(folder, "state");
  const workDir = join(folder, "project");
  mkdirSync(state, { recursive: true });
  mkdirSync(workDir);
  toSettings(workDir, options);
  const workspace = {
    workDir,
    pulumiHome: join(folder, "home"),
    envVars: {
      PULUMI_BACKEND_URL: `file://${state}`,
      PULUMI_CONFIG_PASSPHRASE: "sandbox",
      PULUMI_SKIP_UPDATE_CHECK: "true",
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
      PULUMI_DEBUG_PROVIDERS: options.providers.debugProviders,
    },
  };
  const stack = await LocalWorkspace.createOrSelectStack(
    { projectName: PROJECT, stackName: options.name, program: options.program },
    { ...workspace, pulumiCommand: options.command },
  );
  const secrets = Object.entries(options.standIns.secrets).map(([key, value]) => [`${PROJECT}:${key}`, value] as const);
  await stack.setAllConfig(
    Object.fromEntries(
      [...secrets, ["cloudflare:apiToken", options.standIns.apiToken] as const].map(([key, value]) => [
        key,
        { value, secret: true },
      ]),
    ),
  );
  const stateFile = join(state, ".pulumi", "stacks", PROJECT, `${options.name}.json`);
  return { stack, state, stateFile, workspace, remove };
}
