import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parse, stringify } from "yaml";

import { hostFiles } from "../../infra/host/files";
import { SERVICES, TAILNET_SERVICES, TOOLS } from "../../infra/host/layout";
import { type TemporaryFolder, temporaryFolder } from "../../sandbox/temporary";
import { toolPath } from "../../tools/go-tool";
import { describeTool } from "../tools";
import { augustin } from "../unit/dns/fixtures";
import { type ResolvedProject, RULES, violations } from "./compose/rules";

const SECRETS = { tunnelToken: "tunnel-token-value", acmeDnsToken: "acme-token-value", tailnetKey: "tskey-auth-value" };
const MINTED = ["stalwart/secrets/recovery-admin.env", "stalwart/secrets/stalwart-cli.env"];
const COMPOSE_FILE = "mail-stack/compose.yaml";

describeTool("compose")("docker compose", () => {
  let folder: TemporaryFolder;
  beforeAll(() => {
    folder = temporaryFolder();
    const minted = MINTED.map((path) => ({ path, content: "" }));
    const environment = { path: "mail-stack/.env", content: "MAIL_UID=1000\nMAIL_GID=1000\n" };
    for (const { path, content } of [...hostFiles(augustin(), SECRETS), ...minted, environment]) {
      mkdirSync(dirname(join(folder.path, path)), { recursive: true });
      writeFileSync(join(folder.path, path), content);
    }
  });
  afterAll(() => folder.remove());

  function compose(file: string, ...args: readonly string[]) {
    const environment = { PATH: process.env["PATH"], HOME: folder.path };
    const all = ["--profile", "tools", "-f", join(folder.path, file), ...args];
    const run = spawnSync(toolPath("compose"), all, { encoding: "utf8", env: environment });
    if (run.error) throw run.error;
    return run;
  }

  /** The project as compose understands it. */
  function resolved(file = COMPOSE_FILE): ResolvedProject {
    const { status, stdout, stderr } = compose(file, "config", "--format", "json");
    if (status !== 0) throw new Error(stderr);
    return JSON.parse(stdout) as ResolvedProject;
  }

  it("accepts the project without a word", () => {
    const { status, stdout, stderr } = compose(COMPOSE_FILE, "config", "--quiet");
    expect({ status, said: stdout + stderr }).toEqual({ status: 0, said: "" });
  });

  it("finds every service in it, tools only by their profile", () => {
    const { services } = resolved();
    expect(Object.keys(services).sort()).toEqual([...SERVICES, ...TAILNET_SERVICES, ...TOOLS].sort());
    for (const tool of TOOLS) expect(services[tool]?.profiles).toEqual(["tools"]);
    for (const service of [...SERVICES, ...TAILNET_SERVICES]) expect(services[service]?.profiles).toBeUndefined();
  });

  it("refuses the project where the file with the user is missing", () => {
    const content = readFileSync(join(folder.path, COMPOSE_FILE), "utf8");
    mkdirSync(join(folder.path, "elsewhere"), { recursive: true });
    writeFileSync(join(folder.path, "elsewhere", "compose.yaml"), content);
    const { status, stderr } = compose("elsewhere/compose.yaml", "config", "--quiet");
    expect(status).not.toBe(0);
    expect(stderr).toContain(".env beside compose.yaml is missing");
  });

  it("is given no secret by the file itself", () => {
    const content = readFileSync(join(folder.path, COMPOSE_FILE), "utf8");
    for (const secret of Object.values(SECRETS)) expect(content).not.toContain(secret);
  });

  it("keeps every rule", () => {
    expect(violations(resolved(), folder.path)).toEqual([]);
  });

  /** One change of traefik for each rule; `undefined` takes a key away. */
  const breaks: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
    "publishes no port": { ports: ["443:443"] },
    "has a network of its own": { network_mode: "host", networks: undefined },
    "shares no namespace": { pid: "host" },
    "mounts only files of the apps folder": { volumes: ["/etc:/mnt/etc:ro"] },
    "mounts no socket": { volumes: ["../docker.sock:/var/run/docker.sock:ro"] },
    "has an image with a version and a digest": { image: "traefik:latest" },
    "is not privileged": { privileged: true },
    "does not run as root": { user: "0:0" },
    "has a read-only root": { read_only: undefined },
    "drops all capabilities": { cap_add: ["NET_ADMIN"] },
    "gains no privileges": { security_opt: undefined },
    "has a health check": { healthcheck: { disable: true } },
    "comes back after a crash": { restart: undefined },
    "has bounded logs": { logging: { driver: "json-file", options: { "max-size": "10m" } } },
    "has bounded memory": { mem_limit: undefined },
    "has bounded processes": { pids_limit: undefined },
    "waits for no certificate": { depends_on: { certificates: { condition: "service_healthy" } } },
  };

  it("has a break for every rule", () => {
    expect(Object.keys(breaks).sort()).toEqual([...RULES].sort());
  });

  it.each(Object.entries(breaks))("notices when it is no longer true that a service %s", (rule, change) => {
    const project = parse(readFileSync(join(folder.path, COMPOSE_FILE), "utf8")) as {
      services: Record<string, Record<string, unknown>>;
    };
    const traefik = { ...project.services["traefik"], ...change };
    const broken = `mail-stack/broken.yaml`;
    writeFileSync(
      join(folder.path, broken),
      stringify({ ...project, services: { ...project.services, traefik } }, { keepUndefined: false }),
    );
    expect(violations(resolved(broken), folder.path)).toEqual([`traefik: ${rule}`]);
  });

  it.each(["traefik", "traefik:latest", "traefik:v3", "traefik@sha256:" + "0".repeat(64)])(
    "notices that %s is not pinned",
    (image) => {
      const services = { traefik: { ...resolved().services["traefik"], image } };
      expect(violations({ services }, folder.path)).toEqual(["traefik: has an image with a version and a digest"]);
    },
  );
});
