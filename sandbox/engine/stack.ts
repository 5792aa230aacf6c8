import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { LocalWorkspace, type PulumiCommand, type PulumiFn, type Stack } from "@pulumi/pulumi/automation";
import { isMap, parseDocument } from "yaml";

import { PROJECT } from "../../infra/settings/keys";
import type { StandIns } from "../stand-ins";
import type { Providers } from "./providers";

const ROOT = join(__dirname, "..", "..");

export interface SandboxStack {
  readonly stack: Stack;
  /** Removes the state and everything else that the run made. */
  remove(): void;
}

export interface SandboxStackOptions {
  readonly command: PulumiCommand;
  readonly name: string;
  readonly program: PulumiFn;
  readonly providers: Providers;
  readonly standIns: StandIns;
  readonly apiUrl: string;
}

/**
 * A stack on the real engine: the project's own Pulumi.yaml and stack file with what is secret replaced, state in a
 * folder that is thrown away, providers served by this process.
 */
export async function createStack(options: SandboxStackOptions): Promise<SandboxStack> {
  const folder = mkdtempSync(join(tmpdir(), "mail-stack-"));
  const state = join(folder, "state");
  const workDir = join(folder, "project");
  mkdirSync(state);
  mkdirSync(workDir);
  copyFileSync(join(ROOT, "Pulumi.yaml"), join(workDir, "Pulumi.yaml"));
  writeFileSync(join(workDir, `Pulumi.${options.name}.yaml`), stackFile(options));
  const stack = await LocalWorkspace.createOrSelectStack(
    { projectName: PROJECT, stackName: options.name, program: options.program },
    {
      workDir,
      pulumiCommand: options.command,
      pulumiHome: join(folder, "home"),
      envVars: {
        PULUMI_BACKEND_URL: `file://${state}`,
        PULUMI_CONFIG_PASSPHRASE: "sandbox",
        PULUMI_SKIP_UPDATE_CHECK: "true",
        PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
        PULUMI_DEBUG_PROVIDERS: options.providers.debugProviders,
      },
    },
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
  return { stack, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** The stack file with stand-ins in place of what it lacks, and without anything encrypted for somebody else. */
function stackFile({ name, standIns, apiUrl }: SandboxStackOptions): string {
  const document = parseDocument(readFileSync(join(ROOT, `Pulumi.${name}.yaml`), "utf8"));
  for (const key of ["encryptionsalt", "encryptedkey", "secretsprovider"]) document.delete(key);
  for (const key of Object.keys(standIns.secrets)) document.deleteIn(["config", `${PROJECT}:${key}`]);
  const config = document.get("config");
  if (!isMap(config)) throw new Error(`Pulumi.${name}.yaml has no section config.`);
  for (const [key, text] of Object.entries(standIns.values)) config.set(`${PROJECT}:${key}`, plainValue(text));
  config.set("cloudflare:baseUrl", apiUrl);
  config.delete("cloudflare:apiToken");
  return document.toString();
}

function plainValue(text: string): unknown {
  return text.startsWith("[") ? JSON.parse(text) : text;
}
