import * as path from "node:path";
import type { BuildOptions } from "esbuild";

/** What every bundle is built with, so that the same sources give the same text on every machine. */
export const REPRODUCIBLE = {
  absWorkingDir: path.resolve(__dirname, ".."),
  bundle: true,
  target: "es2023",
  charset: "utf8",
  legalComments: "none",
  minify: false,
  // No tsconfig of the checkout or above it takes part.
  tsconfigRaw: {},
  logLevel: "silent",
} as const satisfies BuildOptions;
