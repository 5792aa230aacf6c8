import { spawnSync } from "node:child_process";
import { chownSync, copyFileSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { composeProject } from "../../../infra/host/compose";
import { hasResolver } from "../../../infra/host/coredns";
import { hostFiles } from "../../../infra/host/files";
import { addresses } from "../../../infra/host/layout";
import type { Settings } from "../../../infra/settings/settings";
import { toolPath } from "../../../tools/go-tool";
import { until } from "../traefik/client";
import { portOf } from "../traefik/remap";
import { freePort, type Headscale } from "./headscale";
import { type Program, startProgram } from "./program";

/** Nobody's: what the host's user is to the containers. */
const USER = 65_532;
const DNS_PORT = "53";

/** The host's side of the tailnet: containerboot with tailscaled; where it resolves names, CoreDNS and what writes its zone. */
export interface Sidecar {
  /** In the tailnet. */
  readonly address: string;
  /** The id that the host tells. */
  readonly nodeId: string;
  readonly log: () => string;
  readonly close: () => Promise<void>;
}

export interface SidecarOptions {
  /** An empty folder, or the one that a sidecar left behind. */
  readonly folder: string;
  readonly settings: Settings;
  readonly headscale: Headscale;
  readonly key: string;
  /** First three parts of the loopback addresses where Traefik is. */
  readonly loopback: string;
  /** Where CoreDNS listens instead of port 53, on loopback and in the tailnet. */
  readonly dnsPort: number;
}

/** Lays the host's files out and starts what the compose file starts, each with the environment and files that it has there. */
export async function startSidecar(options: SidecarOptions): Promise<Sidecar> {
  const { folder, settings, headscale, key, loopback, dnsPort } = options;
  const apps = join(folder, "apps");
  const files = hostFiles(settings, { tunnelToken: "tunnel", acmeDnsToken: "acme", tailnetKey: key });
  for (const { path, content } of files) {
    mkdirSync(dirname(join(apps, path)), { recursive: true });
    writeFileSync(join(apps, path), content);
  }
  const edge = addresses(settings.host.subnet).edge.traefik;
  replace(join(apps, "tailscale/config/serve.json"), files, (text) => {
    const config = JSON.parse(text) as { TCP: Record<string, { TCPForward: string; ProxyProtocol?: 2 }> };
    for (const handler of Object.values(config.TCP)) {
      const [host = "", port = ""] = handler.TCPForward.split(":");
      if (host !== edge) throw new Error(`${host} is not Traefik`);
      handler.TCPForward = `${loopback}${host.slice(host.lastIndexOf("."))}:${portOf(Number(port))}`;
    }
    return JSON.stringify(config);
  });
  const resolves = hasResolver(settings);
  if (resolves)
    replace(join(apps, "coredns/Corefile"), files, (text) =>
      text.replace(`:${DNS_PORT} {`, `:${dnsPort} {`).replace("file /zone/", `file ${join(apps, "coredns/zone")}/`),
    );
  for (const each of ["tailscale/state", "tailscale/run", "coredns/zone"])
    mkdirSync(join(apps, each), { recursive: true });
  const programs = join(folder, "bin");
  mkdirSync(programs, { recursive: true });
  for (const tool of ["tailscale", "tailscaled", "containerboot"] as const)
    copyFileSync(toolPath(tool), join(programs, tool));
  if (process.getuid?.() === 0) giveTo(folder, USER);

  const { environment = {}, volumes = [] } = composeProject(settings, files).services["tailscale"] ?? {};
  const placed = (text: string) =>
    volumes.reduce((all, { source, target }) => all.replace(target, join(apps, source.slice("../".length))), text);
  const tailscale = startProgram("containerboot", join(programs, "containerboot"), [], {
    user: USER,
    environment: {
      ...Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, placed(value)])),
      PATH: programs,
      HOME: folder,
      ...headscale.environment,
      TS_EXTRA_ARGS: `--login-server=${headscale.url}`,
      TS_TAILSCALED_EXTRA_ARGS: "--port=0",
    },
  });
  const onhost = (...args: readonly string[]) => [join(apps, "onhost/onhost.cjs"), ...args];
  const surroundings = { ONHOST_ROOT: apps };
  const resolver = () => [
    startProgram("onhost", process.execPath, onhost("zone", "--watch"), { environment: surroundings }),
    startProgram("coredns", toolPath("coredns"), ["-conf", join(apps, "coredns/Corefile")]),
  ];
  const running = [tailscale, ...(resolves ? resolver() : [])];
  const log = () => running.map((program) => program.log().slice(-4_000)).join("\n---\n");
  const close = async () => {
    await Promise.all(running.map(({ stop }) => stop()));
  };
  try {
    const nodeId = await until(() => {
      if (tailscale.hasEnded()) throw new Error("containerboot ended");
      const { status, stdout, stderr } = spawnSync(process.execPath, onhost("tailnet", "0"), {
        encoding: "utf8",
        env: surroundings,
      });
      if (status !== 0) throw new Error(stderr);
      return Promise.resolve(stdout.trim());
    });
    const socket = placed(environment["TS_SOCKET"] ?? "");
    const health = spawnSync(join(programs, "tailscale"), [`--socket=${socket}`, "ip", "-4"], { encoding: "utf8" });
    return { address: health.stdout.trim(), nodeId, log, close };
  } catch (error) {
    await close();
    throw new Error(`The sidecar does not join. ${log()}`, { cause: error });
  }
}

function replace(path: string, files: ReturnType<typeof hostFiles>, change: (text: string) => string): void {
  const file = files.find((each) => path.endsWith(`/${each.path}`));
  if (file === undefined) throw new Error(`${path} is not shipped`);
  writeFileSync(path, change(file.content));
}

function giveTo(path: string, user: number): void {
  chownSync(path, user, user);
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const at = join(path, entry.name);
    if (entry.isDirectory()) giveTo(at, user);
    else chownSync(at, user, user);
  }
}

/** Somebody's phone on the tailnet; its apps are the tests, which go by its SOCKS server. */
export interface Phone {
  readonly address: string;
  readonly socksPort: number;
  /** Which resolver it asks for which name, as the tailnet told it. */
  readonly dns: () => string;
  readonly close: () => Promise<void>;
}

export async function startPhone(folder: string, headscale: Headscale): Promise<Phone> {
  const at = (name: string) => join(folder, name);
  const socksPort = await freePort();
  const environment = { HOME: folder, ...headscale.environment };
  const socket = `--socket=${at("tailscaled.sock")}`;
  mkdirSync(at("state"), { recursive: true });
  const daemon: Program = startProgram(
    "tailscaled",
    toolPath("tailscaled"),
    [
      ...["--tun=userspace-networking", `--statedir=${at("state")}`, socket, "--port=0"],
      `--socks5-server=127.0.0.1:${socksPort}`,
    ],
    { environment },
  );
  const cli = (...args: readonly string[]) => {
    const { status, stdout, stderr } = spawnSync(toolPath("tailscale"), [socket, ...args], {
      encoding: "utf8",
      env: { PATH: process.env["PATH"], ...environment },
    });
    if (status !== 0) throw new Error(`tailscale ${args[0] ?? ""}: ${stderr}${stdout}`);
    return stdout;
  };
  try {
    await until(() => Promise.resolve(cli("status", "--json")));
    cli(
      ...["up", `--login-server=${headscale.url}`, `--auth-key=${headscale.key()}`, "--hostname=phone"],
      ...["--accept-dns=true", "--timeout=60s"],
    );
  } catch (error) {
    await daemon.stop();
    throw new Error(`The phone does not join. ${daemon.log().slice(-4_000)}`, { cause: error });
  }
  return {
    address: cli("ip", "-4").trim(),
    socksPort,
    dns: () => cli("dns", "status"),
    close: () => daemon.stop(),
  };
}
