import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const FOLDER = join(__dirname, "golden");

/** Compares with the file of that name; jest prints the difference. `UPDATE_GOLDEN=1` writes it instead. */
export function expectGolden(file: string, actual: string): void {
  const path = join(FOLDER, file);
  if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(path, actual);
  if (!existsSync(path)) throw new Error(`tests/golden/${file} is missing. Run the test with UPDATE_GOLDEN=1.`);
  expect(actual).toBe(readFileSync(path, "utf8"));
}
