import { type Document, isMap, parseDocument } from "yaml";
import { type KeyName, PROJECT } from "../../infra/settings/keys";
import { NewDomainError } from "./refused";

/** A plain value of the stack file. */
export type Value = string | readonly Readonly<Record<string, unknown>>[];

/** `hostStack` is a key of further domains. */
export type Key = KeyName | "hostStack";

export type Values = Readonly<Partial<Record<Key, Value>>>;

export interface Change {
  /** `mail:domain`. */
  readonly key: string;
  readonly from: string | undefined;
  readonly to: string;
}

export interface Filled {
  readonly text: string;
  readonly changes: readonly Change[];
}

/**
 * Puts values into a stack file. What the file says already stays, comments too; a value that is absent or empty is set, and
 * `owned` values, which belong to somebody else's API, are replaced.
 *
 * @param text the file, or the template for a new one
 * @param isNew the text is a template: all of its values count as changes
 */
export function fill(text: string, values: Values, owned: Values, isNew: boolean): Filled {
  const document = read(text);
  const changes: Change[] = [];
  const before = isNew ? new Map<string, string>() : shown(document);
  for (const [name, value] of Object.entries(values)) {
    const path = ["config", `${PROJECT}:${name}`];
    if (isNew || isEmpty(document.getIn(path))) document.setIn(path, document.createNode(value));
  }
  for (const [name, value] of Object.entries(owned)) {
    const path = ["config", `${PROJECT}:${name}`];
    if (JSON.stringify(plain(document, path)) !== JSON.stringify(value))
      document.setIn(path, document.createNode(value));
  }
  for (const [key, to] of shown(document)) if (before.get(key) !== to) changes.push({ key, from: before.get(key), to });
  return { text: changes.length === 0 && !isNew ? text : document.toString({ lineWidth: 0 }), changes };
}

/** The bare keys of the project that have a value, encrypted or not. */
export function keysOf(text: string): ReadonlySet<string> {
  return new Set([...shown(read(text)).keys()].map((key) => key.replace(`${PROJECT}:`, "")));
}

/** A plain value; undefined when it is absent, empty, encrypted or no text. */
export function textIn(text: string, name: Key): string | undefined {
  const value: unknown = read(text).getIn(["config", `${PROJECT}:${name}`]);
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** Any value as it is in the file; undefined when it is absent. */
export function valueIn(text: string, name: Key): unknown {
  return plain(read(text), ["config", `${PROJECT}:${name}`]);
}

function read(text: string): Document {
  const document = parseDocument(text);
  const [error] = document.errors;
  if (error === undefined && (document.get("config") === undefined || isMap(document.get("config")))) return document;
  // Not error.message: it quotes the line at fault, and that line may hold a secret.
  throw new NewDomainError(
    "The stack file is no valid YAML with a section config. Nothing was changed. Mend it first.",
  );
}

/** Every value that is set, as it may be shown. */
function shown(document: Document): Map<string, string> {
  const config = document.get("config");
  const found = new Map<string, string>();
  if (!isMap(config)) return found;
  for (const { key } of config.items) {
    const name = String(key);
    const value = plain(document, ["config", name]);
    if (isEmpty(value)) continue;
    const isSecret = typeof value === "object" && value !== null && "secure" in value;
    found.set(name, isSecret ? "[secret]" : typeof value === "string" ? value : JSON.stringify(value));
  }
  return found;
}

function plain(document: Document, path: readonly string[]): unknown {
  const file = document.toJS() as { config?: Record<string, unknown> | null } | null;
  return file?.config?.[path[1] ?? ""];
}

function isEmpty(value: unknown): boolean {
  const isNothing = value === undefined || value === null || value === "";
  return (
    isNothing ||
    (Array.isArray(value) && value.length === 0) ||
    (typeof value === "object" && "items" in value && Array.isArray(value.items) && value.items.length === 0)
  );
}
