// `docker` of the tests of backups. restic really runs, in mounts of its own like a container's; `stalwart` is what the test
// says: hooks in $HOME/engine. Every call is a line of $HOME/engine/calls; an unknown one fails.
import { spawnSync } from "node:child_process";
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import process from "node:process";

const { parse } = await import(process.env.MAIL_STACK_YAML);
const engine = join(process.env.HOME, "engine");
const args = process.argv.slice(2);
appendFileSync(join(engine, "calls"), `${args.join(" ")}\n`);

function end(status, said = "") {
  (status === 0 ? process.stdout : process.stderr).write(said);
  process.exit(status);
}

if (args.shift() !== "compose") end(125, "unknown\n");
const options = {};
while (args[0]?.startsWith("-")) {
  const [name, value] = args.splice(0, 2);
  options[name] = value;
}
// By its name, without a file.
if (options["--project-name"] !== undefined && args[0] === "down")
  end(hook(`stop ${options["--project-name"]}`, {}, [], [], engine));
const file = options["-f"];
const project = parse(readFileSync(file, "utf8"));
const folder = dirname(file);
const [verb, ...rest] = args;
const running = (service) => join(engine, `running ${project.name} ${service}`);

/** A program that the test has put there, with the container's mounts as variables MOUNT_target. */
function hook(name, service, words, more = [], from = folder) {
  const program = join(engine, name);
  if (!existsSync(program)) return 0;
  const mounts = (service.volumes ?? []).map(({ source, target }) => [
    `MOUNT${target.replace(/\W/g, "_")}`,
    resolve(from, source),
  ]);
  for (const [source, target] of more.map((volume) => volume.split(":")))
    mounts.push([`MOUNT${target.replace(/\W/g, "_")}`, source]);
  const env = { ...process.env, ...Object.fromEntries(mounts) };
  const { status } = spawnSync(program, words, { stdio: "inherit", env });
  return status ?? 137;
}

function checkedMounts(service) {
  for (const { source } of service.volumes ?? [])
    if (!existsSync(resolve(folder, source))) end(1, `bind source path does not exist: ${resolve(folder, source)}\n`);
}

function runRestic(service, words, variable) {
  // What the repository's server would refuse: words, in the hook `refuse`.
  const refused = join(engine, "refuse");
  if (existsSync(refused) && readFileSync(refused, "utf8").includes(words.slice(0, 2).join(" ")))
    end(1, "Fatal: refused\n");
  const env = { ...service.environment, PATH: "/usr/sbin:/usr/bin:/bin", SSL_CERT_FILE: process.env.MAIL_STACK_TRUST };
  for (const name of service.env_file)
    for (const line of readFileSync(resolve(folder, name), "utf8").split("\n").filter(Boolean))
      env[line.slice(0, line.indexOf("="))] = line.slice(line.indexOf("=") + 1);
  if (variable !== undefined) env[variable.slice(0, variable.indexOf("="))] = variable.slice(variable.indexOf("=") + 1);
  const root = mkdtempSync(join(engine, "root-"));
  const [, uid] = /^MAIL_UID=(\d+)$/m.exec(readFileSync(join(folder, ".env"), "utf8")).map(Number);
  const trust = process.env.MAIL_STACK_TRUST;
  const script = [
    "set -e",
    'mount -t tmpfs none "$ROOT"',
    ...["/usr", "/lib", "/lib64", "/etc", "/dev", "/proc"].map(
      (path) => `if [ -d ${path} ]; then mkdir -p "$ROOT${path}"; mount --bind ${path} "$ROOT${path}"; fi`,
    ),
    'mkdir -p "$ROOT/tmp"; cp "$RESTIC" "$ROOT/restic"; cp "$TRUST" "$ROOT/trust.pem"',
    ...service.volumes.flatMap(({ source, target, read_only: isReadOnly }) => [
      statSync(resolve(folder, source)).isFile()
        ? `mkdir -p "$(dirname "$ROOT${target}")"; [ -e "$ROOT${target}" ] || : >"$ROOT${target}"`
        : `mkdir -p "$ROOT${target}"`,
      `mount --bind '${resolve(folder, source)}' "$ROOT${target}"`,
      ...(isReadOnly ? [`mount -o remount,bind,ro "$ROOT${target}"`] : []),
    ]),
    "unset TRUST RESTIC",
    `hostname ${service.hostname}`,
    // Another user than this one in a namespace of its own: it owns all files, and /etc/passwd knows it or does not.
    `exec unshare ${uid === 0 ? "" : `--user --map-user=${uid} --map-group=${uid}`} --root="$ROOT" /restic "$@"`,
  ].join("\n");
  const all = [...(service.entrypoint ?? ["/usr/bin/restic"]).slice(1), ...words];
  const { status, signal } = spawnSync("unshare", ["--mount", "--uts", "bash", "-c", script, "restic", ...all], {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...env, SSL_CERT_FILE: "/trust.pem", ROOT: root, RESTIC: process.env.MAIL_STACK_RESTIC, TRUST: trust },
  });
  rmSync(root, { recursive: true });
  end(signal === null ? (status ?? 1) : 137);
}

const call = [verb, ...rest].join(" ");
if (verb === "ps" && rest[0] === "--quiet") end(0, existsSync(running(rest[1])) ? "abcdef012345\n" : "");
if (verb === "stop" && rest.length === 1) {
  const status = hook("stop", project.services[rest[0]], rest);
  if (status === 0) rmSync(running(rest[0]), { force: true });
  end(status, status === 0 ? "" : "cannot stop\n");
}
if ((verb === "start" && rest.length === 1) || call.startsWith("up --detach --wait")) {
  checkedMounts(project.services.stalwart);
  const status = hook(project.name === "mail-stack" ? "start" : "start-drill", project.services.stalwart, ["stalwart"]);
  if (status === 0) writeFileSync(running("stalwart"), "");
  end(status, status === 0 ? "" : "cannot start\n");
}
if (verb === "logs") end(0);
if (call.startsWith("run --rm -T ")) {
  const words = rest.slice(2).filter((word) => word !== "--no-deps");
  const variable = words[0].startsWith("--env=") ? words.shift().slice("--env=".length) : undefined;
  const volumes = words[0] === "--volume" ? [words.splice(0, 2)[1]] : [];
  const service = project.services[words[0]];
  if (service === undefined || !service.profiles.includes("tools")) end(1, `no such service: ${words[0]}\n`);
  checkedMounts(service);
  if (words[0] === "restic") runRestic(service, words.slice(1), variable);
  end(hook(`run-${words[0]}`, service, words.slice(1), volumes));
}
end(125, `unknown: compose ${call}\n`);
