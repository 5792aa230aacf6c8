import { cpSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { isMap, parseDocument } from "yaml";

import { PROJECT } from "../../infra/settings/keys";
import { stackDirectory } from "../../infra/settings/stack-file";
import type { StandIns } from "../stand-ins";

const ROOT = join(__dirname, "..", "..");

export interface StackFileOptions {
  /** The stack whose file is taken. */
  readonly name: string;
  readonly standIns: StandIns;
  readonly apiUrl: string;
  /** The stack file to begin with, below the checkout; the stack's own by default. */
  readonly template?: string;
}

/** Copies what `pulumi up` needs into a folder, so that the real stack file is not touched. */
export function toProject(folder: string, options: StackFileOptions): void {
  for (const name of ["package.json", "tsconfig.json", "infra", "worker", "onhost"])
    cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  toSettings(folder, options);
}

/** Writes Pulumi.yaml and the stack file into a folder. */
export function toSettings(folder: string, options: StackFileOptions): void {
  cpSync(join(ROOT, "Pulumi.yaml"), join(folder, "Pulumi.yaml"));
  writeFileSync(join(folder, `Pulumi.${options.name}.yaml`), stackFile(options));
}

/** The stack file with stand-ins in place of what it lacks, and without anything encrypted for somebody else. */
function stackFile({ name, standIns, apiUrl, template }: StackFileOptions): string {
  const path = template === undefined ? join(stackDirectory(), `Pulumi.${name}.yaml`) : join(ROOT, template);
  const document = parseDocument(readFileSync(path, "utf8"));
  for (const key of ["encryptionsalt", "encryptedkey", "secretsprovider"]) document.delete(key);
  for (const key of Object.keys(standIns.secrets)) document.deleteIn(["config", `${PROJECT}:${key}`]);
  const config = document.get("config");
  if (!isMap(config)) throw new Error(`${path} has no section config.`);
  for (const [key, text] of Object.entries(standIns.values)) config.set(`${PROJECT}:${key}`, plainValue(text));
  config.set("cloudflare:baseUrl", apiUrl);
  config.delete("cloudflare:apiToken");
  return document.toString();
}

function plainValue(text: string): unknown {
  return text.startsWith("[") ? JSON.parse(text) : text;
}
