import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";

import { parseDocument } from "yaml";

import { isProps, type Props } from "../../cloud/props";

export interface Mount {
  /** Absolute, on the host. */
  readonly source: string;
  /** Absolute, in the container. */
  readonly target: string;
  readonly readOnly: boolean;
}

/** A service as compose starts it: variables replaced, environment files read. */
export interface Service {
  readonly name: string;
  readonly image: string;
  readonly profiles: readonly string[];
  readonly entrypoint: readonly string[] | undefined;
  readonly command: readonly string[] | undefined;
  readonly environment: Readonly<Record<string, string>>;
  readonly mounts: readonly Mount[];
  /** The fixed address on each, if it has one. */
  readonly networks: Readonly<Record<string, string | undefined>>;
  readonly networkMode: string | undefined;
  /** Condition by service. */
  readonly dependsOn: Readonly<Record<string, string>>;
  /** Undefined: running is healthy. */
  readonly health: readonly string[] | undefined;
  readonly labels: Readonly<Record<string, string>>;
  /** All of the above and what is not modelled: another text makes a new container. */
  readonly hash: string;
}

export interface Project {
  readonly name: string;
  /** The compose file's. */
  readonly folder: string;
  readonly services: readonly Service[];
}

/** The compose file cannot be used; the text is the command line's. */
export class ComposeError extends Error {}

/** Keys of a service (Compose Specification) that this project may use; one that is missing here is refused as unknown. */
const SERVICE_KEYS = new Set([
  ...["image", "profiles", "entrypoint", "command", "environment", "env_file", "volumes", "networks", "depends_on"],
  ...["healthcheck", "labels", "hostname", "user", "init", "read_only", "tmpfs", "cap_drop", "cap_add", "security_opt"],
  ...["sysctls", "ulimits", "mem_limit", "pids_limit", "restart", "stop_grace_period", "logging", "working_dir"],
  ...["container_name", "extra_hosts", "dns", "stop_signal", "shm_size", "cpus", "mem_reservation", "memswap_limit"],
  "network_mode",
]);
const TOP_KEYS = new Set(["name", "services", "networks", "volumes", "secrets", "configs"]);

/** Reads a compose file as `docker compose -f` does; `environment` beats the `.env` file beside it. */
export function readProject(file: string, environment: Readonly<Record<string, string>>): Project {
  if (!existsSync(file)) throw new ComposeError(`open ${file}: no such file or directory`);
  const folder = dirname(file);
  const dotEnv = resolve(folder, ".env");
  const variables = { ...(existsSync(dotEnv) ? readEnvFile(dotEnv) : {}), ...environment };
  const document = parseDocument(readFileSync(file, "utf8"));
  const [fault] = document.errors;
  if (fault) throw new ComposeError(`yaml: ${fault.message}`);
  const content: unknown = interpolated(document.toJS(), variables);
  if (!isProps(content) || !isProps(content["services"])) throw new ComposeError("no service selected");
  refuseUnknown(content, TOP_KEYS, "");
  const networks = isProps(content["networks"]) ? Object.keys(content["networks"]) : [];
  const services = Object.entries(content["services"]).map(([name, service]) => {
    if (!isProps(service)) throw new ComposeError(`services.${name} must be a mapping`);
    return readService(name, service, folder);
  });
  for (const { name, networkMode, networks: used, dependsOn } of services) {
    const joined = /^service:(.*)$/.exec(networkMode ?? "")?.[1];
    if (joined !== undefined && !services.some((service) => service.name === joined))
      throw new ComposeError(`service "${name}" joins the network of undefined service "${joined}"`);
    if (networkMode !== undefined && (Object.keys(used).length > 0 || (joined === undefined && networkMode !== "none")))
      throw new ComposeError(`service ${name} declares mutually exclusive \`network_mode\` and \`networks\``);
    const unknown = Object.keys(used).find((network) => !networks.includes(network));
    if (unknown !== undefined)
      throw new ComposeError(`service "${name}" refers to undefined network ${unknown}: invalid compose project`);
    const missing = Object.keys(dependsOn).find((other) => !services.some((service) => service.name === other));
    if (missing !== undefined)
      throw new ComposeError(`service "${name}" depends on undefined service "${missing}": invalid compose project`);
  }
  const name = content["name"];
  return { name: typeof name === "string" ? name : folder.slice(folder.lastIndexOf("/") + 1), folder, services };
}

function readService(name: string, service: Props, folder: string): Service {
  refuseUnknown(service, SERVICE_KEYS, `services.${name}`);
  const image = service["image"];
  if (typeof image !== "string")
    throw new ComposeError(
      `service "${name}" has neither an image nor a build context specified: invalid compose project`,
    );
  const environment = { ...environmentFiles(service["env_file"], folder), ...keyed(service["environment"]) };
  const check = service["healthcheck"];
  const depends = service["depends_on"];
  return {
    name,
    image,
    profiles: words(service["profiles"]) ?? [],
    entrypoint: words(service["entrypoint"]),
    command: words(service["command"]),
    environment,
    mounts: list(service["volumes"]).map((volume) => readMount(volume, folder, name)),
    networks: addressesOn(service["networks"]),
    networkMode: typeof service["network_mode"] === "string" ? service["network_mode"] : undefined,
    dependsOn: Array.isArray(depends)
      ? Object.fromEntries((words(depends) ?? []).map((other) => [other, "service_started"]))
      : Object.fromEntries(
          Object.entries(isProps(depends) ? depends : {}).map(([other, how]) => [
            other,
            String(isProps(how) ? how["condition"] : how),
          ]),
        ),
    health: isProps(check) ? words(check["test"]) : undefined,
    labels: keyed(service["labels"]),
    hash: JSON.stringify([{ ...service, env_file: undefined }, environment]),
  };
}

function readMount(volume: unknown, folder: string, service: string): Mount {
  if (typeof volume === "string") {
    const [source = "", target = "", mode] = volume.split(":");
    if (!/^[./]/.test(source))
      throw new ComposeError(`service "${service}" refers to undefined volume ${source}: invalid compose project`);
    return { source: resolve(folder, source), target, readOnly: mode === "ro" };
  }
  if (!isProps(volume) || volume["type"] !== "bind")
    throw new ComposeError(`services.${service}.volumes: the sandbox models bind mounts only`);
  const bind = volume["bind"];
  const source = resolve(folder, String(volume["source"]));
  // With `create_host_path` the engine would make a folder that root owns; nothing here may rely on that.
  if (!isProps(bind) || bind["create_host_path"] !== false)
    throw new ComposeError(`services.${service}.volumes: the sandbox wants create_host_path: false for ${source}`);
  return { source, target: String(volume["target"]), readOnly: volume["read_only"] === true };
}

function environmentFiles(value: unknown, folder: string): Record<string, string> {
  const entries = typeof value === "string" ? [value] : list(value);
  return Object.assign(
    {},
    ...entries.map((entry) => {
      const { path, required } = isProps(entry) ? entry : { path: entry, required: true };
      const file = resolve(folder, String(path));
      if (existsSync(file)) return readEnvFile(file);
      if (required === false) return {};
      throw new ComposeError(`env file ${file} not found: stat ${file}: no such file or directory`);
    }),
  ) as Record<string, string>;
}

function readEnvFile(file: string): Record<string, string> {
  if (statSync(file).isDirectory()) throw new ComposeError(`read ${file}: is a directory`);
  const lines = readFileSync(file, "utf8").split("\n");
  return Object.fromEntries(
    lines.flatMap((line): [string, string][] => {
      const [, key, value = ""] = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)=(.*)$/.exec(line) ?? [];
      // Between single quotes nothing has a meaning; elsewhere `$` begins a variable, which no file of ours may use, and
      // versions differ in what a backslash is.
      if (key === undefined) return [];
      const quoted = /^'([^'\\]*)'\s*$/.exec(value)?.[1] ?? /^"([^"$\\]*)"\s*$/.exec(value)?.[1];
      if (quoted === undefined && /[$\\'"]| #/.test(value))
        throw new ComposeError(`${file}: the sandbox wants a value with $, # or quotation marks between single quotes`);
      return [[key, quoted ?? value.trim()]];
    }),
  );
}

/** `${A}`, `${A:-default}`, `${A:?message}`, `$A` and `$$` (Compose Specification, Interpolation). */
function interpolated(value: unknown, variables: Readonly<Record<string, string>>): unknown {
  if (Array.isArray(value)) return value.map((item) => interpolated(item, variables));
  if (isProps(value))
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, interpolated(item, variables)]));
  if (typeof value !== "string") return value;
  return value.replace(
    /\$(?:\$|([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?::([-?])([^}]*))?\})/g,
    (whole: string, bare?: string, braced?: string, kind?: string, rest?: string) => {
      if (whole === "$$") return "$";
      const name = bare ?? braced ?? "";
      const known = variables[name];
      if (known !== undefined && known !== "") return known;
      if (kind === "?")
        throw new ComposeError(
          `error while interpolating: required variable ${name} is missing a value: ${rest ?? ""}`,
        );
      return kind === "-" ? (rest ?? "") : "";
    },
  );
}

function addressesOn(networks: unknown): Record<string, string | undefined> {
  if (Array.isArray(networks)) return Object.fromEntries(networks.map((name) => [String(name), undefined]));
  return Object.fromEntries(
    Object.entries(isProps(networks) ? networks : {}).map(([name, at]) => {
      const address = isProps(at) ? at["ipv4_address"] : undefined;
      return [name, typeof address === "string" ? address : undefined];
    }),
  );
}

function refuseUnknown(value: Props, known: ReadonlySet<string>, where: string): void {
  const unknown = Object.keys(value).find((key) => !known.has(key) && !key.startsWith("x-"));
  if (unknown !== undefined)
    throw new ComposeError(`validating compose.yaml: ${where} additional properties '${unknown}' not allowed`);
}

function keyed(value: unknown): Record<string, string> {
  if (Array.isArray(value))
    return Object.fromEntries(
      value.map((item) => {
        const text = String(item);
        const at = text.indexOf("=");
        return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
      }),
    );
  return isProps(value) ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, String(item)])) : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function words(value: unknown): readonly string[] | undefined {
  if (typeof value === "string") return value.split(/\s+/);
  return Array.isArray(value) ? value.map(String) : undefined;
}
