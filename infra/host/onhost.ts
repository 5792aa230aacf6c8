import * as path from "node:path";
import { buildSync } from "esbuild";
import { FILES } from "../../onhost/src/deployment";
import type { HostFile } from "./file";

const REPOSITORY_ROOT = path.resolve(__dirname, "../..");
const SOURCE = "onhost/src/main.ts";

/** The program that works on the host inside a node container, as one file without dependencies. */
export function onhostFile(): HostFile {
  return {
    path: FILES.program,
    content: bundleOnhost(),
    mode: "0644",
    why: "Verifies Stalwart against its plan, sets passwords, mints keys, hands certificates on.",
    // The other commands are started anew each time.
    restarts: ["certificates", "zone"],
  };
}

/** The same sources give the same text on every machine, because a changed file is shipped. */
export function bundleOnhost(): string {
  const { outputFiles } = buildSync({
    absWorkingDir: REPOSITORY_ROOT,
    entryPoints: [SOURCE],
    bundle: true,
    write: false,
    // As an ES module it starts in 62 ms, so in 40: an import of one of Node's own reads every name in it.
    format: "cjs",
    target: "es2023",
    platform: "node",
    charset: "utf8",
    legalComments: "none",
    minify: false,
    // No tsconfig of the checkout or above it takes part.
    tsconfigRaw: {},
    logLevel: "silent",
  });
  const [output] = outputFiles;
  if (output === undefined) throw new Error(`${SOURCE} cannot be bundled: esbuild wrote nothing.`);
  return output.text;
}
