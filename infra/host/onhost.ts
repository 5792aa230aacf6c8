import { build, type BuildOptions, buildSync } from "esbuild";
import { FILES } from "../../onhost/src/deployment";
import { REPRODUCIBLE } from "../reproducible";
import type { HostFile } from "./file";

const SOURCE = "onhost/src/main.ts";

const BUILD = {
  ...REPRODUCIBLE,
  entryPoints: [SOURCE],
  write: false,
  // As an ES module it starts in 62 ms, so in 40: an import of one of Node's own reads every name in it.
  format: "cjs",
  platform: "node",
} as const satisfies BuildOptions;

/** The program that works on the host inside a node container, as one file without dependencies. */
export function onhostFile(content: string): HostFile {
  return {
    path: FILES.program,
    content,
    mode: "0644",
    why: "Verifies Stalwart against its plan, sets passwords, mints keys, hands certificates on.",
    // The other commands are started anew each time.
    restarts: ["certificates", "arrivals", "zone"],
  };
}

/** The same sources give the same text on every machine, because a changed file is shipped. */
export function bundleOnhost(): string {
  return textOf(buildSync(BUILD).outputFiles);
}

/** The same beside other work, in esbuild's own process. */
export async function startOnhostBundle(): Promise<string> {
  return textOf((await build(BUILD)).outputFiles);
}

function textOf([output]: readonly { readonly text: string }[]): string {
  if (output === undefined) throw new Error(`${SOURCE} cannot be bundled: esbuild wrote nothing.`);
  return output.text;
}
