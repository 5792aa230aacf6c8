import { execFile, type ExecFileException } from "node:child_process";
import { mkdirSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";

import type { PulumiCommand } from "@pulumi/pulumi/automation";

import { STACK_DIRECTORY_VARIABLE } from "../../infra/settings/stack-file";
import type { World } from "../cloud/world";
import { temporaryFolder } from "../temporary";
import { serveLanguageHost } from "./language-host";
import { serveProviders } from "./providers";

export interface Ran {
  readonly code: number;
  /** Standard output and standard error. */
  readonly output: string;
}

/** `pulumi` as a person runs it, in a project folder, with the stand-in providers and its own backend. */
export interface CommandLine {
  readonly project: string;
  /** With this a command of the operator's finds the same pulumi, backend and providers. */
  readonly environment: NodeJS.ProcessEnv;
  pulumi(args: readonly string[], input?: string): Promise<Ran>;
  close(): void;
}

export interface CommandLineOptions {
  /** The folder of a backend that has stacks already; by default a new one. */
  readonly state?: string;
  /** Environment of the program, beside this process's own. */
  readonly programs?: NodeJS.ProcessEnv;
}

/**
 * @param fill puts Pulumi.yaml and the program into the project folder
 */
export async function openCommandLine(
  command: PulumiCommand,
  world: World,
  fill: (project: string) => void,
  { state, programs = {} }: CommandLineOptions = {},
): Promise<CommandLine> {
  const { path: folder, remove } = temporaryFolder();
  const project = join(folder, "project");
  const temporary = join(folder, "tmp");
  for (const path of [project, temporary]) mkdirSync(path);
  fill(project);
  const providers = await serveProviders(world);
  const host = await serveLanguageHost({ ...programs, TMPDIR: temporary });
  const env = {
    ...process.env,
    [STACK_DIRECTORY_VARIABLE]: project,
    PATH: [dirname(command.command), process.env["PATH"]].join(delimiter),
    PULUMI_HOME: join(folder, "home"),
    PULUMI_BACKEND_URL: `file://${state ?? folder}`,
    PULUMI_CONFIG_PASSPHRASE: "sandbox",
    PULUMI_SKIP_UPDATE_CHECK: "true",
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    PULUMI_DEBUG_PROVIDERS: providers.debugProviders,
    PULUMI_DEBUG_LANGUAGES: host.debugLanguages,
  };
  return {
    project,
    environment: env,
    pulumi: (args, input = "") =>
      new Promise((resolve) => {
        const child = execFile(
          command.command,
          args,
          { cwd: project, env },
          (error: ExecFileException | null, stdout, stderr) =>
            resolve({ code: error ? Number(error.code ?? 1) : 0, output: `${stdout}${stderr}` }),
        );
        child.stdin?.end(input);
      }),
    close() {
      providers.close();
      host.close();
      remove();
    },
  };
}
