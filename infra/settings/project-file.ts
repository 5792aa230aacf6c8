import { type Document, isMap, isNode, isScalar } from "yaml";
import { quote } from "./fault";
import { type ConfigKey, KEYS, PROJECT } from "./keys";
import { keyProblem } from "./notation";
import type { Problem } from "./problem";
import { isKeyName } from "./spelling";

/**
 * Where Pulumi.yaml differs from the table of keys. When the stack file has no value, the engine takes Pulumi.yaml's values and
 * defaults, and this program takes the table's. A file without the section is fine.
 */
export function defaultProblems(project: Document): readonly Problem[] {
  const config = project.get("config");
  return (isMap(config) ? config.items : []).flatMap(({ key, value }) => {
    const name = isScalar(key) ? String(key.value) : "?";
    const bare = name.replace(`${PROJECT}:`, "");
    const setting: ConfigKey | undefined = isKeyName(bare) ? KEYS[bare] : undefined;
    const entry: unknown = isNode(value) ? value.toJS(project) : undefined;
    return (setting === undefined ? isOfProvider(key) : says(entry, setting)) ? [] : [departure(name)];
  });
}

function isOfProvider(key: unknown): boolean {
  return isScalar(key) && String(key.value).includes(":") && keyProblem(key) === undefined;
}

/** Whether an entry gives no value, and either the table's default or no default. */
function says(entry: unknown, setting: ConfigKey): boolean {
  if (typeof entry !== "object" || entry === null || "value" in entry) return false;
  return !("default" in entry) || jsonText(entry.default) === jsonText(setting.default ?? "");
}

function departure(name: string): Problem {
  return {
    key: quote(name).slice(1, -1),
    fact: `Pulumi.yaml gives ${quote(name)} a value or a default of its own.`,
    consequence: "Pulumi would use it where the stack file has no value, and this program would not.",
    allowed: "what npm run generate writes; a value of one stack belongs in its own file",
    command: "npm run generate",
  };
}

/** A YAML value as JSON. As with the engine, a number on its own keeps all its digits, and a number in a list does not. */
export function jsonText(value: unknown): string {
  if (typeof value === "bigint") return String(value);
  return JSON.stringify(value, (_, item: unknown) => (typeof item === "bigint" ? Number(item) : item));
}
