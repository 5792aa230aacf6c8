import { isObject, type Json } from "../json";
import { fieldsOf, SCHEMA } from "./schema";

/** How to reach the server; `authorization` is an HTTP header's value. */
export interface CliServer {
  readonly url: string;
  readonly authorization: string;
}

export interface CliResult {
  readonly exitCode: number;
  /** One line of JSON for each operation, as `--json` prints. */
  readonly stdout: string;
  readonly stderr: string;
}

class CliError extends Error {}

const KEYS = ["@type", "object", "matchOn", "value", "id"];
const USING = ["urn:ietf:params:jmap:core", "urn:stalwart:jmap"];

/**
 * A stand-in for `stalwart-cli apply --file`, by its documentation and by what 1.0.13 did: the whole file is read first;
 * operations run in order and always write; the first error ends it, and what a reconcile would clean up then stays.
 */
export async function applyPlan(text: string, server: CliServer): Promise<CliResult> {
  const stdout: string[] = [];
  try {
    const lines = parsePlan(text);
    const ids = new Map<string, string>();
    const cleanups: (() => Promise<void>)[] = [];
    for (const [index, line] of lines.entries()) {
      const count = await applyLine(line, ids, cleanups, server);
      stdout.push(JSON.stringify({ op: line["@type"], object: line["object"], index, count, status: "ok" }));
    }
    // Reverse order, after everything else.
    for (const cleanup of cleanups.reverse()) await cleanup();
    return { exitCode: 0, stdout: `${stdout.join("\n")}\n`, stderr: "" };
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    return { exitCode: 1, stdout: `${stdout.join("\n")}\n`, stderr: `error: ${error.message}\n` };
  }
}

function parsePlan(text: string): readonly Json[] {
  const names = new Set<string>();
  return text.split("\n").flatMap((line, index) => {
    if (line.trim() === "") return [];
    const fail = (why: string) => new CliError(`invalid plan NDJSON on line ${index + 1}: ${why}`);
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      throw fail("no JSON");
    }
    if (!isObject(value) || !isObject(value["value"])) throw fail("no operation");
    const unknown = Object.keys(value).find((key) => !KEYS.includes(key));
    if (unknown !== undefined) throw fail(`unknown field \`${unknown}\``);
    if (!["upsert", "reconcile", "update", "create"].includes(String(value["@type"]))) throw fail("unknown operation");
    if (value["@type"] !== "update")
      for (const name of Object.keys(value["value"])) {
        if (names.has(name)) throw fail(`duplicate client id \`${name}\``);
        names.add(name);
      }
    return [value];
  });
}

async function applyLine(
  line: Json,
  ids: Map<string, string>,
  cleanups: (() => Promise<void>)[],
  server: CliServer,
): Promise<number> {
  const object = String(line["object"]);
  const value = line["value"] as Json;
  if (line["@type"] === "update") {
    await set(server, object, "update", "singleton", resolved(value, ids));
    return 1;
  }
  const entries = Object.entries(value) as [string, Json][];
  if (line["@type"] === "create") {
    for (const [name, item] of entries) ids.set(name, await set(server, object, "create", name, resolved(item, ids)));
    return entries.length;
  }
  const present = await list(server, object);
  const kept = new Set<string>();
  const matchOn = (line["matchOn"] as string[] | undefined) ?? ["description"];
  for (const [name, item] of entries) {
    const wanted = resolved(item, ids);
    const found = present.find((candidate) => isMatch(candidate, wanted, matchOn));
    const id = found === undefined ? await set(server, object, "create", name, wanted) : String(found["id"]);
    if (found !== undefined) await set(server, object, "update", id, withoutFixed(object, wanted));
    ids.set(name, id);
    kept.add(id);
  }
  if (line["@type"] === "reconcile") {
    const surplus = present.map(({ id }) => String(id)).filter((id) => !kept.has(id));
    cleanups.push(async () => {
      for (const id of surplus) await destroy(server, object, id);
    });
  }
  return entries.length;
}

/** What cannot change is left out of an update: the server refuses it even when it stays the same. */
function withoutFixed(object: string, value: Json): Json {
  const fields = fieldsOf(SCHEMA, object, value["@type"]) ?? {};
  return Object.fromEntries(Object.entries(value).filter(([key]) => fields[key]?.update !== "immutable"));
}

/** Within a variant; a nested value matches when all that is wanted of it is there. */
function isMatch(candidate: Json, wanted: Json, matchOn: readonly string[]): boolean {
  const fields = wanted["@type"] === undefined ? matchOn : ["@type", ...matchOn];
  return fields.every((field) => contains(candidate[field], wanted[field]));
}

function contains(found: unknown, wanted: unknown): boolean {
  if (!isObject(wanted)) return found === wanted;
  return isObject(found) && Object.entries(wanted).every(([key, value]) => contains(found[key], value));
}

function resolved(value: Json, ids: ReadonlyMap<string, string>): Json {
  const reference = (text: string) => {
    if (!text.startsWith("#")) return text;
    const id = ids.get(text.slice(1));
    if (id === undefined) throw new CliError(`unresolved reference '${text}'`);
    return id;
  };
  const walk = (item: unknown): unknown => {
    if (typeof item === "string") return reference(item);
    return isObject(item) ? resolved(item, ids) : item;
  };
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [reference(key), walk(item)]));
}

async function list(server: CliServer, object: string): Promise<readonly Json[]> {
  const answer = await call(server, `x:${object}/get`, { ids: null });
  const objects: unknown = answer["list"];
  return Array.isArray(objects) ? objects.filter(isObject) : [];
}

async function set(
  server: CliServer,
  object: string,
  verb: "create" | "update",
  name: string,
  value: Json,
): Promise<string> {
  const answer = await call(server, `x:${object}/set`, { [verb]: { [name]: value } });
  const refused = answer[verb === "create" ? "notCreated" : "notUpdated"];
  if (isObject(refused) && isObject(refused[name]))
    throw failure(object, `${verb} failed for '${name}'`, refused[name]);
  const done = answer[`${verb}d`];
  const created = isObject(done) ? done[name] : undefined;
  return isObject(created) ? String(created["id"]) : name;
}

async function destroy(server: CliServer, object: string, id: string): Promise<void> {
  const answer = await call(server, `x:${object}/set`, { destroy: [id] });
  const refused = answer["notDestroyed"];
  if (isObject(refused) && isObject(refused[id])) throw failure(object, `destroy failed for '${id}'`, refused[id]);
}

function failure(object: string, what: string, refusal: Json): CliError {
  const { type, description, properties, validationErrors } = refusal;
  const names = Array.isArray(properties) ? ` | Properties: ${properties.join(", ")}` : "";
  const why = text(description) || JSON.stringify(validationErrors ?? "");
  return new CliError(`${object}: ${what}: ${text(type)} | ${why}${names}`);
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

async function call({ url, authorization }: CliServer, method: string, args: Json): Promise<Json> {
  const answer = await fetch(new URL("/jmap", url), {
    method: "POST",
    headers: { authorization, "content-type": "application/json" },
    body: JSON.stringify({ using: USING, methodCalls: [[method, args, "0"]] }),
  }).catch(() => {
    throw new CliError(`error sending request for url (${url})`);
  });
  if (answer.status !== 200) throw new CliError(`the server answered HTTP ${answer.status}`);
  const { methodResponses } = (await answer.json()) as { methodResponses: [string, Json, string][] };
  const [name, result = {}] = methodResponses[0] ?? [];
  if (name !== method) throw new CliError(`unknown object or refused: ${method} (${text(result["type"])})`);
  return result;
}
