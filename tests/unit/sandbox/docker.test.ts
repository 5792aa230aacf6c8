import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Container, Program } from "../../../sandbox/host/docker/container";
import { Engine } from "../../../sandbox/host/docker/engine";
import { type DockerCommand, installDocker } from "../../../sandbox/host/docker/socket";
import { node } from "../../../sandbox/host/programs/node";
import { temporaryFolder, type TemporaryFolder } from "../../../sandbox/temporary";

/** A service that answers with the file that is mounted into it, and is as healthy as its file `health` says. */
function echo(containers: Map<string, Container>): Program {
  return {
    start: (container) => {
      containers.set(container.service.name, container);
      return Promise.resolve({
        http: (to) =>
          to.port === 80
            ? Promise.resolve({ status: 200, headers: {}, body: Buffer.from(container.read("/etc/echo.conf")) })
            : undefined,
        ports: () => new Map([[80, 4711]]),
        probe: () => Promise.resolve(readFileSync(container.hostPath("/folder/health"), "utf8") === "good" || "never"),
        stop: () => Promise.resolve(),
      });
    },
  };
}

const COMPOSE = `
name: test
services:
  one:
    image: local/echo:1@sha256:${"0".repeat(64)}
    environment: { UID: "\${MAIL_UID:?.env is missing}" }
    env_file: [{ path: ../secret.env, required: false }]
    volumes:
      - { type: bind, source: ../echo.conf, target: /etc/echo.conf, read_only: true, bind: { create_host_path: false } }
      - { type: bind, source: ../folder, target: /folder, read_only: true, bind: { create_host_path: false } }
    networks: { left: { ipv4_address: 10.0.0.2 } }
    healthcheck: { test: [CMD, check] }
    labels: { files: "1" }
  two:
    image: local/echo:1
    volumes:
      - { type: bind, source: ../echo.conf, target: /etc/echo.conf, read_only: true, bind: { create_host_path: false } }
      - { type: bind, source: ../folder, target: /folder, read_only: true, bind: { create_host_path: false } }
    networks: [right]
    depends_on: { one: { condition: service_healthy } }
  tool:
    image: node:24
    profiles: [tools]
    entrypoint: [node, /app/tool.mjs]
    volumes:
      - { type: bind, source: ../app, target: /app, read_only: true, bind: { create_host_path: false } }
      - { type: bind, source: ../folder, target: /folder, read_only: false, bind: { create_host_path: false } }
    networks: [left]
networks: { left: {}, right: {} }
`;

/** Tells what it finds, writes where it may, and fails when told. */
const TOOL = `
import { readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
const [what, ...rest] = process.argv.slice(2);
const tried = (work) => { try { return work() ?? "done"; } catch (error) { return error.code; } };
const port = (host) => new Promise((resolve) => {
  const socket = connect({ host, port: 80 });
  socket.once("error", (error) => resolve(error.code)).once("connect", () => resolve("open"));
});
if (what === "fail") process.exit(Number(rest[0]));
if (what === "stdin") process.stdout.write(await text(process.stdin));
if (what === "files") process.stdout.write([
  tried(() => writeFileSync("/folder/written", "x")),
  tried(() => writeFileSync("/app/written", "x")),
  tried(() => readFileSync("/etc/echo.conf", "utf8")),
].join(" "));
if (what === "ports") process.stdout.write([await port("one"), process.env.SANDBOX_CONTAINER ?? "hidden"].join(" "));
`;

let folder: TemporaryFolder;
let engine: Engine;
let command: DockerCommand;
let containers: Map<string, Container>;
const at = (path: string) => join(folder.path, path);
const put = (path: string, content: string) => writeFileSync(at(path), content);

beforeEach(async () => {
  folder = temporaryFolder();
  for (const name of ["stack", "folder", "app"]) mkdirSync(at(name));
  put("stack/compose.yaml", COMPOSE);
  put("stack/.env", "MAIL_UID=1000\n");
  put("echo.conf", "first");
  put("folder/health", "good");
  put("app/tool.mjs", TOOL);
  containers = new Map();
  engine = new Engine({ "local/echo": echo(containers), node });
  command = await installDocker(at("bin"), engine);
});

afterEach(async () => {
  await engine.off();
  await command.close();
  folder.remove();
});

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** `docker` as a script calls it. */
function docker(args: readonly string[], input = ""): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(join(command.folder, "docker"), args, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
    child.stdin?.end(input);
  });
}

const compose = (args: string, input?: string) =>
  docker(["compose", "--profile", "tools", "-f", at("stack/compose.yaml"), ...args.split(" ")], input);
const UP = "up --detach --wait --wait-timeout 9 --remove-orphans";
const actions = () => engine.events.map(({ action, service }) => `${action} ${service}`);
const ask = (from: string, host: string, port = 80) =>
  containers.get(from)?.neighbours.request(host, port, { method: "GET", path: "/", headers: {}, noTlsVerify: false });

describe("docker compose of the sandbox", () => {
  it("starts each service after what it waits for, and nothing of the tools", async () => {
    expect(await compose(UP)).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(actions()).toEqual(["create one", "start one", "create two", "start two"]);
    expect((await compose("ps --services")).stdout).toBe("one running\ntwo running\n");
    expect(containers.get("one")?.service.environment).toEqual({ UID: "1000" });
  });

  it("makes nothing anew the second time, and only what changed later", async () => {
    await compose(UP);
    const before = actions().length;
    await compose(UP);
    expect(actions().slice(before)).toEqual([]);
    put("stack/compose.yaml", COMPOSE.replace('files: "1"', 'files: "2"'));
    await compose(UP);
    expect(actions().slice(before)).toEqual(["stop one", "remove one", "create one", "start one"]);
    put("secret.env", "TOKEN=x\n");
    await compose(UP);
    expect(actions().slice(before + 4)).toEqual(["stop one", "remove one", "create one", "start one"]);
  });

  it("removes what the file no longer has, when it is told to", async () => {
    await compose(UP);
    put("stack/compose.yaml", COMPOSE.replace(/ {2}two:[^]*(?= {2}tool:)/, ""));
    await compose("up -d");
    expect(engine.running("two")).toBeDefined();
    await compose(UP);
    expect(engine.running("two")).toBeUndefined();
  });

  it("does not show a container the file that replaced a mounted one, until it starts again", async () => {
    await compose(UP);
    put("echo.new", "second");
    renameSync(at("echo.new"), at("echo.conf"));
    const body = async () => (await ask("one", "one"))?.body.toString();
    expect(await body()).toBe("first");
    await compose("restart one");
    expect(await body()).toBe("second");
  });

  it("knows others by name and address on a network that both are on", async () => {
    await compose(UP);
    expect(await ask("one", "10.0.0.2")).toMatchObject({ status: 200 });
    await expect(ask("two", "one")).rejects.toThrow("lookup one: no such host");
    await expect(ask("one", "one", 81)).rejects.toThrow("connect one:81: connection refused");
    await compose("stop one");
    await expect(ask("one", "one")).rejects.toThrow("no such host");
  });

  it("says which service does not become healthy, also to those that wait for it", async () => {
    put("folder/health", "bad");
    const { code, stderr } = await compose(UP);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: "dependency failed to start: container mail-stack-one-1 is unhealthy\n",
    });
    expect(actions()).not.toContain("create two");
  });

  it.each([
    ["a mounted file that is missing", () => rmSync(at("echo.conf")), UP, "bind source path does not exist"],
    ["no .env", () => rmSync(at("stack/.env")), "config -q", "required variable MAIL_UID is missing a value"],
    ["no compose file", () => rmSync(at("stack/compose.yaml")), "config -q", "no such file or directory"],
    ["an unknown service", () => undefined, "restart three", "no such service: three"],
    ["an unknown option", () => undefined, "up --what", "unknown flag"],
    ["an unknown verb", () => undefined, "explode", "unknown docker command"],
  ])("fails for %s", async (_what, breakIt, args, words) => {
    breakIt();
    const { code, stderr } = await compose(args);
    expect(code).not.toBe(0);
    expect(stderr).toContain(words);
  });

  it.each([
    ["a required environment file", "required: false", "required: true", "env file"],
    ["an unknown image", "local/echo:1\n", "local/other:1\n", "no such image"],
    ["an undefined network", "networks: [right]", "networks: [middle]", "undefined network middle"],
    ["an undefined dependency", "depends_on: { one:", "depends_on: { three:", 'undefined service "three"'],
    ["an unknown key", "labels:", "label:", "additional properties 'label' not allowed"],
    [
      "a folder that docker would make as root",
      "create_host_path: false } }\n      - { type: bind, source: ../folder",
      "create_host_path: true } }\n      - { type: bind, source: ../folder",
      "create_host_path: false",
    ],
  ])("refuses %s", async (_what, from, to, words) => {
    expect(COMPOSE).toContain(from);
    put("stack/compose.yaml", COMPOSE.replace(from, to));
    const { code, stderr } = await compose(UP);
    expect(code).toBe(1);
    expect(stderr).toContain(words);
  });

  it("answers what a script asks of docker itself", async () => {
    expect((await docker(["compose", "version", "--short"])).stdout).toMatch(/^2\.\d+\.\d+\n$/);
    expect((await docker(["version", "--format", "{{.Server.Version}}"])).stdout).toMatch(/^\d+\./);
    expect(await docker(["rm", "-f", "x"])).toMatchObject({ code: 125 });
  });
});

describe("a program that is run once in a container", () => {
  it("ends with its own code, and reads all of standard input as docker lets it", async () => {
    expect((await compose("run --rm -T tool fail 3")).code).toBe(3);
    expect((await compose("run --rm -T tool stdin", "the rest of a script")).stdout).toBe("the rest of a script");
  });

  it("sees what is mounted and nothing else, and writes only where it may", async () => {
    expect((await compose("run --rm -T tool files")).stdout).toBe("done EROFS ENOENT");
    expect(readFileSync(at("folder/written"), "utf8")).toBe("x");
  });

  it("reaches the others under their names", async () => {
    await compose(UP);
    // Nobody listens behind the port that the service says it has.
    expect((await compose("run --rm -T tool ports")).stdout).toBe("ECONNREFUSED hidden");
  });
});
