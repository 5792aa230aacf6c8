import * as path from "node:path";
import { type BuildOptions, buildSync } from "esbuild";

export type WorkerEntry = "inbound" | "public";

const REPOSITORY_ROOT = path.resolve(__dirname, "../..");

/** How a Worker is bundled, but for what and where to. */
export const BUILD = {
  absWorkingDir: REPOSITORY_ROOT,
  bundle: true,
  format: "esm",
  target: "es2023",
  platform: "neutral",
  charset: "utf8",
  legalComments: "none",
  minify: false,
  // No tsconfig of the checkout or above it takes part.
  tsconfigRaw: {},
  logLevel: "silent",
} as const satisfies BuildOptions;

/**
 * The Worker as one ES module. The same sources give the same text on every machine, because a changed script is an
 * update of the resource.
 */
export function bundleWorker(entry: WorkerEntry): string {
  const source = `worker/src/${entry}.ts`;
  try {
    const { outputFiles } = buildSync({
      ...BUILD,
      entryPoints: [source],
      write: false,
    });
    const [output] = outputFiles;
    if (output === undefined) throw new Error("esbuild wrote nothing");
    return output.text;
  } catch (error) {
    throw new Error(`${source} cannot be bundled, so no Worker can be uploaded. ${reasons(error)}`, { cause: error });
  }
}

/** esbuild's own messages without the code frames; their paths are relative to the repository. */
function reasons(error: unknown): string {
  const { errors } = error as { errors?: readonly { text: string; location: { file: string; line: number } | null }[] };
  if (errors === undefined) return error instanceof Error ? error.message : String(error);
  return errors
    .map(({ text, location }) => (location ? `${location.file}:${location.line}: ${text}` : text))
    .join("; ");
}
