// `docker` of the tests of shipping: the commands that the scripts use, strictly. A call that is not known fails. Containers are
// files in $HOME/engine/containers with what they were made from; every call is a line of $HOME/engine/calls.
import { createHash } from "node:crypto";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { randomBytes } from "node:crypto";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { dirname, join, resolve } from "node:path";

const engine = join(process.env.HOME, "engine");
const containers = join(engine, "containers");
mkdirSync(containers, { recursive: true });
const args = process.argv.slice(2);
appendFileSync(join(engine, "calls"), `${args.join(" ")}\n`);

/** Ends with this status; a test says with a file of the engine's folder what is to go wrong. */
function end(status, said = "") {
  (status === 0 ? process.stdout : process.stderr).write(said);
  process.exit(status);
}
const told = (name) => (existsSync(join(engine, name)) ? readFileSync(join(engine, name), "utf8") : undefined);

if (args.join(" ") === "compose version --short") end(0, `${told("version") ?? "2.40.3"}\n`);
// Without a daemon, or the right to ask it, `info` ends with 0 in docker 26.1 and with 1 in 28.2; `version` fails in both.
if (args[0] === "info" || args[0] === "version") {
  const trouble = told("no-daemon");
  if (trouble === undefined) end(0, "28.0.0\n");
  const isLenient = args[0] === "info" && told("docker-26") !== undefined;
  process.stderr.write(trouble);
  process.stdout.write("\n");
  process.exit(isLenient ? 0 : 1);
}
if (args[0] === "ps") {
  const folders = readdirSync(containers).map((name) => made(name).folder);
  end(0, [...folders, ""].join("\n"));
}
if (args.shift() !== "compose") end(125, `unknown: ${process.argv.slice(2).join(" ")}\n`);

const profiles = [];
let file = "compose.yaml";
for (;;) {
  if (args[0] === "--profile") profiles.push(args.splice(0, 2)[1]);
  else if (args[0] === "-f") file = args.splice(0, 2)[1];
  else break;
}
const folder = dirname(resolve(file));
const apps = dirname(folder);
const [verb, ...rest] = args;

function made(name) {
  return JSON.parse(readFileSync(join(containers, name), "utf8"));
}

function make(name, container) {
  writeFileSync(join(engine, "new"), JSON.stringify(container));
  renameSync(join(engine, "new"), join(containers, name));
}

function start(name, container) {
  if (name === "stalwart") writeFileSync(join(engine, "bound"), listeners());
  make(name, container);
}

/** The project as compose reads it: files that it names must be there. */
async function project() {
  const { parse } = await import("yaml");
  let content;
  try {
    content = parse(readFileSync(file, "utf8"));
  } catch (error) {
    end(15, `${error.message}\n`);
  }
  if (content?.name !== "mail-stack" || typeof content.services !== "object") end(15, "services must be a mapping\n");
  const env = readFileSync(join(folder, ".env"), "utf8");
  if (!/^MAIL_UID=\d+\nMAIL_GID=\d+\n$/.test(env)) end(15, "MAIL_UID is not set\n");
  for (const [name, service] of Object.entries(content.services)) {
    if (typeof service.image !== "string")
      end(15, `service "${name}" has neither an image nor a build context specified\n`);
    for (const entry of service.env_file ?? [])
      if (!existsSync(resolve(folder, entry))) end(14, `env file ${resolve(folder, entry)} not found\n`);
  }
  return content.services;
}

/** What Stalwart binds when it starts. */
function listeners() {
  return (told("applied") ?? "")
    .split("\n")
    .filter((line) => line.includes("NetworkListener"))
    .join("\n");
}

/**
 * Starts what is to run, or of it what is named; a container is made anew when its service has another text or other
 * variables.
 */
function up(services, named = []) {
  const wanted = Object.entries(services).filter(([, { profiles: of = [] }]) =>
    of.every((profile) => profiles.includes(profile)),
  );
  for (const name of named) if (!(name in services)) end(1, `no such service: ${name}\n`);
  for (const name of readdirSync(containers))
    if (!wanted.some(([service]) => service === name)) rmSync(join(containers, name));
  for (const [name, service] of wanted) {
    if (named.length > 0 && !named.includes(name)) continue;
    const variables = (service.env_file ?? []).map((entry) => readFileSync(resolve(folder, entry), "utf8"));
    const hash = [service, variables]
      .map((part) => createHash("sha256").update(JSON.stringify(part)).digest("hex"))
      .join(" ");
    const before = existsSync(join(containers, name)) ? made(name) : undefined;
    if (before?.hash === hash && before.running) continue;
    start(name, { folder, hash, starts: (before?.starts ?? 0) + 1, running: true });
  }
}

function run([service, ...command]) {
  if (!readFileSync(file, "utf8").includes(`\n  ${service}:\n`)) end(1, `no such service: ${service}\n`);
  if (!made("stalwart").running) end(1, "stalwart does not run\n");
  const plan = join(apps, "stalwart", "plan", "plan.ndjson");
  const call = [service, ...command].join(" ");
  const refusal = told(`refuse ${call.replaceAll("/", "_")}`);
  if (refusal !== undefined) end(1, refusal);
  if (call === "onhost verify") {
    if (told("applied") !== readFileSync(plan, "utf8")) end(3, 'Domain name "a": is not there\n');
    end(told("bound") === listeners() ? 0 : 4, "Stalwart does not listen on port 4190, against the plan.\n");
  }
  // The plan of a further domain, which has a dot in its name.
  const [, verified, planned] =
    /^(?:onhost verify (\S+\.\S+)|stalwart-cli apply --file \/plan\/(\S+\.\S+)\.ndjson)$/.exec(call) ?? [];
  const further = verified ?? planned;
  if (further !== undefined) {
    const ofDomain = readFileSync(join(apps, "stalwart", "plan", `${further}.ndjson`), "utf8");
    if (call.startsWith("stalwart-cli")) writeFileSync(join(engine, `applied-${further}`), ofDomain);
    else if (told(`applied-${further}`) !== ofDomain) end(3, 'Domain name "b": is not there\n');
    end(0);
  }
  if (/^onhost (passwords|signatures) [a-z0-9-]+\.[a-z0-9.-]+$/.test(call)) end(0);
  if (call === "onhost passwords" || call === "onhost signatures") end(0);
  if (command[0] === "key") {
    const key = join(apps, "stalwart", "keys", `worker-${command[1]}`);
    if (!existsSync(key)) writeFileSync(key, `API_${randomBytes(24).toString("hex")}`, { mode: 0o600 });
    end(0, `${readFileSync(key, "utf8")}\n`);
  }
  if (command[0] === "retire") {
    const keys = readdirSync(join(apps, "stalwart", "keys"));
    for (const key of keys)
      if (Number(key.slice("worker-".length)) < Number(command[1])) rmSync(join(apps, "stalwart", "keys", key));
    end(0);
  }
  if (call === "stalwart-cli apply --file /plan/plan.ndjson") {
    writeFileSync(join(engine, "new"), readFileSync(plan));
    renameSync(join(engine, "new"), join(engine, "applied"));
    end(0);
  }
  if (call === "stalwart-cli apply --file /plan/reload.ndjson") end(0);
  end(1, `unknown: run ${call}\n`);
}

const call = [verb, ...rest].join(" ");
if (call === "config --quiet") {
  const ballast = told("fill-disk");
  if (ballast !== undefined) {
    // Room for the small files, and not for a large one.
    spawnSync("dd", ["if=/dev/zero", `of=${ballast}`, "bs=4k"]);
    truncateSync(ballast, statSync(ballast).size - 100_000);
  }
  const real = process.env.MAIL_STACK_COMPOSE;
  if (real === undefined) {
    await project();
    end(0);
  }
  const { status, stderr } = spawnSync(real, ["--profile", "tools", "-f", file, "config", "--quiet"], {
    encoding: "utf8",
  });
  end(status ?? 1, stderr);
}
if (call === "pull --quiet --policy missing") {
  const trouble = told("no-images");
  end(trouble === undefined ? 0 : 18, trouble ?? "");
}
const WAITING = "up --detach --wait --wait-timeout 300 --remove-orphans --quiet-pull";
if (call === WAITING || call.startsWith(`${WAITING} `)) {
  up(await project(), rest.slice(WAITING.split(" ").length - 1));
  const trouble = told("unhealthy");
  end(trouble === undefined ? 0 : 1, trouble ?? "");
}
if (call === "up --detach --quiet-pull") {
  up(await project());
  end(0);
}
if (verb === "restart" && rest.length === 1) {
  const container = made(rest[0]);
  start(rest[0], { ...container, starts: container.starts + 1 });
  end(0);
}
if (verb === "run" && call.startsWith("run --rm -T ") && profiles.includes("tools")) {
  // As the real one: standard input is the container's, to its end.
  readFileSync(0);
  run(rest.slice(2));
}
if (call === "stop") {
  for (const name of readdirSync(containers)) make(name, { ...made(name), running: false });
  end(0);
}
end(125, `unknown: compose ${call}\n`);
