import { transformSync } from "esbuild";

import type { Kind } from "../kind";
import { isProps, listAt, type Props, textAt } from "../props";
import { Refusal } from "../refusal";
import type { World } from "../world";
import { isWithin } from "../zone";
import { R2_BUCKET } from "./r2";

export const SCRIPT = "cloudflare:index/workersScript:WorkersScript";
export const ROUTE = "cloudflare:index/workersRoute:WorkersRoute";
export const SUBDOMAIN = "cloudflare:index/workersScriptSubdomain:WorkersScriptSubdomain";
export const CRON = "cloudflare:index/workersCronTrigger:WorkersCronTrigger";

const BINDING_TYPES: readonly string[] = [
  "plain_text",
  "secret_text",
  "r2_bucket",
  "kv_namespace",
  "queue",
  "service",
  "json",
];

/** cloudflare:index/workersScript:WorkersScript: a module Worker with its bindings. */
export const workersScript: Kind = {
  importId: {
    format: "<account_id>/<script_name>",
    find: ([, name], world) => world.find(SCRIPT, (props) => props["scriptName"] === name),
    readable: withoutSecretTexts,
  },
  secret: ["bindings"],
  replaceOn: ["accountId", "scriptName"],
  computed: [
    ...["createdOn", "modifiedOn", "etag", "hasAssets", "hasModules", "lastDeployedFrom", "startupTimeMs", "handlers"],
    ...["migrationTag", "namedHandlers", "placementMode", "placementStatus", "tag"],
  ],
  filled: [
    "compatibilityDate",
    "logpush",
    "usageModel",
    "contentSha256",
    "contentType",
    "limits",
    "annotations",
    "tags",
  ],
  check(inputs) {
    const wrong = listAt(inputs, "bindings").findIndex(
      (binding) => !BINDING_TYPES.includes(textAt(binding, "type") ?? ""),
    );
    if (wrong >= 0) return `Attribute bindings[${wrong}].type value must be one of: ${JSON.stringify(BINDING_TYPES)}`;
    return undefined;
  },
  create: (inputs, world) => ({ id: textAt(inputs, "scriptName") ?? "", props: upload(inputs, world) }),
  update: (_remote, inputs, world) => upload(inputs, world),
  delete: (remote, world) => world.forget(CRON, remote.id),
};

function upload(inputs: Props, world: World): Props {
  if (textAt(inputs, "accountId") !== world.accountId) throw new Refusal(404, 7003, "Could not route to /accounts");
  if (!/^[a-z0-9][a-z0-9_-]{0,62}$/.test(textAt(inputs, "scriptName") ?? ""))
    throw new Refusal(400, 10016, "Invalid Worker name.");
  if (inputs["placement"] !== undefined) throw new Refusal(400, 10001, "Missing or invalid metadata.");
  if (!textAt(inputs, "mainModule"))
    throw new Refusal(400, 10021, "No such module: the main module is not part of the upload.");
  const names = listAt(inputs, "bindings").map((binding) => textAt(binding, "name"));
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Refusal(400, 10021, `Binding name '${twice}' already in use.`);
  for (const binding of listAt(inputs, "bindings")) {
    const bucket = textAt(binding, "bucketName") ?? "";
    if (binding["type"] === "r2_bucket" && !world.find(R2_BUCKET, (props) => props["name"] === bucket))
      throw new Refusal(400, 10085, `R2 bucket '${bucket}' not found`);
  }
  refuseSyntax(textAt(inputs, "content") ?? "");
  const observability = inputs["observability"];
  return isProps(observability) ? { ...inputs, observability: echoObservability(observability) } : inputs;
}

/** No secret can be read back, nor which of the uploaded files is the main module (facts: observed). */
function withoutSecretTexts(props: Props): Props {
  const bindings = listAt(props, "bindings").map(({ text, ...binding }) =>
    binding["type"] === "secret_text" ? binding : { ...binding, ...(text === undefined ? {} : { text }) },
  );
  return { ...props, bindings, mainModule: undefined };
}

/** The API fills in what is left out. */
function echoObservability(given: Props): Props {
  const logs = given["logs"];
  const filled = { headSamplingRate: 1, ...given };
  if (!isProps(logs)) return filled;
  return { ...filled, logs: { headSamplingRate: 1, invocationLogs: true, persist: true, ...logs } };
}

function refuseSyntax(content: string): void {
  try {
    transformSync(content, { loader: "js", format: "esm", logLevel: "silent" });
  } catch {
    throw new Refusal(400, 10021, "Uncaught SyntaxError in the uploaded module.");
  }
  if (!/\bexport\b/.test(content))
    throw new Refusal(400, 10068, "The uploaded script has no registered event handlers.");
}

/** cloudflare:index/workersScriptSubdomain:WorkersScriptSubdomain: the script's workers.dev address, on or off. */
export const workersScriptSubdomain: Kind = {
  importId: {
    format: "<account_id>/<script_name>",
    find: ([, name], world) => world.find(SUBDOMAIN, (props) => props["scriptName"] === name),
  },
  replaceOn: ["accountId", "scriptName"],
  computed: [],
  filled: ["previewsEnabled"],
  // The provider's id is the account's; several scripts share it.
  place: (id, props) => `${id}/${textAt(props, "scriptName") ?? ""}`,
  create(inputs, world) {
    refuseMissingScript(textAt(inputs, "scriptName"), world);
    return { id: world.accountId, props: { previewsEnabled: false, ...inputs } };
  },
  update: (_remote, inputs) => inputs,
  delete: () => undefined,
};

/** cloudflare:index/workersCronTrigger:WorkersCronTrigger: all schedules of a script; the API has no delete for them. */
export const workersCronTrigger: Kind = {
  importId: {
    format: "<account_id>/<script_name>",
    find: ([, name], world) => world.find(CRON, (props) => props["scriptName"] === name),
  },
  replaceOn: ["accountId", "scriptName"],
  computed: [],
  create(inputs, world) {
    const scriptName = textAt(inputs, "scriptName");
    refuseMissingScript(scriptName, world);
    return { id: scriptName ?? "", props: scheduled(inputs) };
  },
  update: (_remote, inputs) => scheduled(inputs),
  stays: true,
  delete: () => undefined,
};

/** Five fields of numbers, names, lists, ranges and steps (documentation of Cron Triggers). */
function scheduled(inputs: Props): Props {
  const bad = listAt(inputs, "schedules").find(
    (schedule) => !/^([\dA-Z*,/LW#-]+ ){4}[\dA-Z*,/LW#-]+$/.test(textAt(schedule, "cron")?.toUpperCase() ?? ""),
  );
  if (bad) throw new Refusal(400, undefined, `invalid cron string: ${textAt(bad, "cron") ?? ""}`);
  return inputs;
}

/** cloudflare:index/workersRoute:WorkersRoute: requests that match the pattern run the script. */
export const workersRoute: Kind = {
  importId: {
    format: "<zone_id>/<route_id>",
    find: ([, id], world) => world.all(ROUTE).find((remote) => remote.id === id),
  },
  replaceOn: ["zoneId"],
  computed: [],
  create(inputs, world) {
    refuseRoute(inputs, world, undefined);
    return { id: world.newId(), props: inputs };
  },
  update(remote, inputs, world) {
    refuseRoute(inputs, world, remote.id);
    return inputs;
  },
  delete: () => undefined,
};

function refuseRoute(inputs: Props, world: World, self: string | undefined): void {
  const pattern = textAt(inputs, "pattern") ?? "";
  const host = pattern.split("/")[0] ?? "";
  if (!isWithin(world.zoneById(textAt(inputs, "zoneId") ?? ""), host))
    throw new Refusal(400, 10022, `Route ${pattern} is not in the zone.`);
  if (world.all(ROUTE).some((other) => other.id !== self && other.props["pattern"] === pattern))
    throw new Refusal(409, 10020, "A route with the same pattern already exists.");
  refuseMissingScript(textAt(inputs, "script"), world);
}

function refuseMissingScript(name: string | undefined, world: World): void {
  if (!world.find(SCRIPT, (props) => props["scriptName"] === name))
    throw new Refusal(404, 10007, `Worker ${name ?? "(none)"} does not exist on your account.`);
}
