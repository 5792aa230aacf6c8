import { buildSync } from "esbuild";

import { BUILD } from "../infra/edge/bundle";

/** Like `bundleWorker`, for any entry, minified or not. */
export function bundle(entry: string, minify: boolean): string {
  const { outputFiles } = buildSync({ ...BUILD, entryPoints: [entry], write: false, minify });
  return outputFiles.map(({ text }) => text).join("");
}
