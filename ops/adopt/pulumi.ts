import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { temporaryFolder } from "../../sandbox/temporary";
import { knownReason, NO_PULUMI, pulumiReason } from "../pulumi-reason";
import { AdoptError } from "./fault";
import { isProps, listOf, textOf } from "./props";
import { type ImportFile, type Preview, readImportFile, readPreview } from "./wanted";

/** Of a preview: every Worker's code is in it. */
const OUTPUT_BYTES = 64 * 1024 * 1024;

/** Where and with what `pulumi` runs. */
export interface Place {
  readonly stack: string;
  readonly environment: NodeJS.ProcessEnv;
  /** The project's folder. */
  readonly directory: string;
}

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What the program declares and the import file's template. Changes nothing. @throws AdoptError when the preview fails */
export async function preview(place: Place): Promise<{ preview: Preview; template: ImportFile }> {
  const { path: folder, remove } = temporaryFolder();
  try {
    const file = join(folder, "import.json");
    const ran = await pulumi(place, ["preview", "--json", "--show-sames", "--import-file", file]);
    if (ran.code !== 0)
      throw new AdoptError(
        `${whyNot(ran, place.stack)}\nNothing was changed. To see more: pulumi preview --stack ${place.stack}`,
      );
    return { preview: readPreview(ran.stdout), template: readImportFile(readFileSync(file, "utf8")) };
  } finally {
    remove();
  }
}

/** The token with which the program itself asks Cloudflare: configuration first, as the provider does. */
export async function apiToken(place: Place): Promise<string> {
  const { code, stdout, stderr } = await pulumi(place, ["config", "get", "cloudflare:apiToken"]);
  const reason = code === 0 ? undefined : knownReason(stderr, place.stack);
  if (reason !== undefined) throw new AdoptError(`cloudflare:apiToken was not read: ${reason}. Nothing was changed.`);
  return (code === 0 && stdout.trim()) || (place.environment["CLOUDFLARE_API_TOKEN"]?.trim() ?? "");
}

function pulumi({ stack, environment, directory }: Place, args: readonly string[]): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const options = { cwd: directory, env: environment, maxBuffer: OUTPUT_BYTES };
    execFile("pulumi", [...args, "--stack", stack, "--non-interactive"], options, (error, stdout, stderr) => {
      if (error && typeof error.code !== "number")
        reject(
          new AdoptError(`pulumi does not start (${error.code ?? error.message}): ${NO_PULUMI}. Nothing was changed.`),
        );
      else resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}

/** When the engine got far enough, its own words are in the JSON. */
function whyNot({ stdout, stderr }: Ran, stack: string): string {
  try {
    const shown: unknown = JSON.parse(stdout);
    const errors = listOf(isProps(shown) ? shown["diagnostics"] : []).filter(({ severity }) => severity === "error");
    const told = errors.map(({ message }) => textOf(message).trim()).filter((message) => message !== "");
    if (told.length > 0) return told.join("\n");
  } catch {
    // As below.
  }
  return `pulumi preview failed: ${pulumiReason(stderr, stack)}.`;
}
