import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Of every file below a folder: its name and the end of its content. */
export function contents(folder: string): Record<string, string> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    entries
      .map(({ parentPath, name }) => join(parentPath, name))
      .sort()
      .map((path) => [path.slice(folder.length), readFileSync(path, "latin1").slice(-200)]),
  );
}
