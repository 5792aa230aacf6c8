import { build, type BuildOptions, buildSync } from "esbuild";

import { REPRODUCIBLE } from "../reproducible";

export type WorkerEntry = "inbound" | "public";

/** How a Worker is bundled, but for what and where to. */
export const BUILD = {
  ...REPRODUCIBLE,
  format: "esm",
  platform: "neutral",
  mainFields: ["module", "main"],
} as const satisfies BuildOptions;

/**
 * The Worker as one ES module. The same sources give the same text on every machine, because a changed script is an
 * update of the resource.
 */
export function bundleWorker(entry: WorkerEntry): string {
  try {
    return textOf(buildSync(optionsFor(entry)).outputFiles);
  } catch (error) {
    throw failure(entry, error);
  }
}

/** The same beside other work: the program goes on declaring while esbuild, which is a process of its own, bundles. */
export async function startBundle(entry: WorkerEntry): Promise<string> {
  try {
    return textOf((await build(optionsFor(entry))).outputFiles);
  } catch (error) {
    throw failure(entry, error);
  }
}

function optionsFor(entry: WorkerEntry) {
  return { ...BUILD, entryPoints: [sourceOf(entry)], write: false } as const satisfies BuildOptions;
}

function sourceOf(entry: WorkerEntry): string {
  return `worker/src/${entry}.ts`;
}

function textOf([output]: readonly { readonly text: string }[]): string {
  if (output === undefined) throw new Error("esbuild wrote nothing");
  return output.text;
}

function failure(entry: WorkerEntry, error: unknown): Error {
  const sentence = `${sourceOf(entry)} cannot be bundled, so no Worker can be uploaded.`;
  return new Error(`${sentence} ${reasons(error)}`, { cause: error });
}

/** esbuild's own messages without the code frames; their paths are relative to the repository. */
function reasons(error: unknown): string {
  const { errors } = error as { errors?: readonly { text: string; location: { file: string; line: number } | null }[] };
  if (errors === undefined) return error instanceof Error ? error.message : String(error);
  return errors
    .map(({ text, location }) => (location ? `${location.file}:${location.line}: ${text}` : text))
    .join("; ");
}
