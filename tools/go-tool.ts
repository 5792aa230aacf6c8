import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { dirname, join } from "node:path";

import { cacheFolder, freshModules, rememberDownload } from "./module-cache";

/** A foreign program that is built from its Go module, which tools/FOLDER/go.mod pins with everything it needs. */
interface GoTool {
  /** Its name, unless several programs come out of one module. */
  readonly folder?: string;
  /** Whose version is the program's. */
  readonly module: string;
  readonly package: string;
  readonly binary: string;
  /** The linker writes the version into this variable, after `prefix`; not needed where the source has it. */
  readonly versionVariable?: string;
  readonly versionPrefix?: "v" | "";
}

const TAILSCALE = {
  folder: "tailscale",
  module: "tailscale.com",
  versionVariable: "tailscale.com/version.shortStamp",
  versionPrefix: "",
} as const;

export const GO_TOOLS = {
  pulumi: {
    module: "github.com/pulumi/pulumi/pkg/v3",
    package: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
    binary: "pulumi",
    // The Automation API refuses a CLI without a version.
    versionVariable: "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version",
    versionPrefix: "v",
  },
  compose: {
    module: "github.com/docker/compose/v2",
    package: "github.com/docker/compose/v2/cmd",
    binary: "docker-compose",
    versionVariable: "github.com/docker/compose/v2/internal.Version",
    versionPrefix: "v",
  },
  traefik: {
    module: "github.com/traefik/traefik/v3",
    package: "github.com/traefik/traefik/v3/cmd/traefik",
    binary: "traefik",
    versionVariable: "github.com/traefik/traefik/v3/pkg/version.Version",
    versionPrefix: "",
  },
  // Checks GitHub's workflow files, with shellcheck inside them.
  actionlint: {
    module: "github.com/rhysd/actionlint",
    package: "github.com/rhysd/actionlint/cmd/actionlint",
    binary: "actionlint",
    versionVariable: "github.com/rhysd/actionlint.version",
    versionPrefix: "",
  },
  pebble: {
    module: "github.com/letsencrypt/pebble/v2",
    package: "github.com/letsencrypt/pebble/v2/cmd/pebble",
    binary: "pebble",
    versionVariable: "main.version",
    versionPrefix: "v",
  },
  restic: {
    module: "github.com/restic/restic",
    package: "github.com/restic/restic/cmd/restic",
    binary: "restic",
    versionVariable: "main.version",
    versionPrefix: "",
  },
  "rest-server": {
    module: "github.com/restic/rest-server",
    package: "github.com/restic/rest-server/cmd/rest-server",
    binary: "rest-server",
    versionVariable: "main.version",
    versionPrefix: "",
  },
  // An S3 server with bucket policies.
  versitygw: {
    module: "github.com/versity/versitygw",
    package: "github.com/versity/versitygw/cmd/versitygw",
    binary: "versitygw",
    versionVariable: "main.Version",
    versionPrefix: "",
  },
  coredns: {
    module: "github.com/coredns/coredns",
    package: "github.com/coredns/coredns",
    binary: "coredns",
  },
  tailscaled: { ...TAILSCALE, package: "tailscale.com/cmd/tailscaled", binary: "tailscaled" },
  tailscale: { ...TAILSCALE, package: "tailscale.com/cmd/tailscale", binary: "tailscale" },
  // The first process of Tailscale's container image.
  containerboot: { ...TAILSCALE, package: "tailscale.com/cmd/containerboot", binary: "containerboot" },
  headscale: {
    module: "github.com/juanfont/headscale",
    package: "github.com/juanfont/headscale/cmd/headscale",
    binary: "headscale",
  },
  // Its tags are not versions for Go. This is a commit shortly after 2026.7.1; the proxy does not serve the commit of 2026.8.2.
  cloudflared: {
    module: "github.com/cloudflare/cloudflared",
    package: "github.com/cloudflare/cloudflared/cmd/cloudflared",
    binary: "cloudflared",
  },
  // An LMTP server that keeps every byte.
  maddy: {
    module: "github.com/foxcpp/maddy",
    package: "github.com/foxcpp/maddy/cmd/maddy",
    binary: "maddy",
  },
} as const satisfies Record<string, GoTool>;

export type GoToolName = keyof typeof GO_TOOLS;

/** The last lines of a failed build that are shown. */
const SHOWN_LINES = 12;

/** `go1.26.8`, or undefined without a toolchain. */
export function goVersion(): string | undefined {
  const { status, stdout } = spawnSync("go", ["env", "GOVERSION"], { encoding: "utf8" });
  return status === 0 ? stdout.trim() : undefined;
}

/** The version that the tool's go.mod pins, without `v`. */
export function pinnedVersion(name: GoToolName): string {
  const { module } = GO_TOOLS[name];
  const text = readFileSync(join(__dirname, folderOf(name), "go.mod"), "utf8");
  const line = text.split("\n").find((each) =>
    each
      .replace(/^require|^\t/, "")
      .trim()
      .startsWith(`${module} v`),
  );
  const version = / v([0-9][^ ]*)/.exec(line ?? "")?.[1];
  if (version === undefined) throw new Error(`tools/${folderOf(name)}/go.mod does not require ${module}.`);
  return version;
}

/** Where a built program of this version is or would be. */
export function cachedFolder(name: GoToolName, version = pinnedVersion(name)): string {
  return join(cacheFolder(), folderOf(name), version);
}

/** The built program, whether or not it is there. */
export function toolPath(name: GoToolName): string {
  return join(cachedFolder(name), "bin", GO_TOOLS[name].binary);
}

/** Whether the program can be started at once. */
export function isBuilt(name: GoToolName): boolean {
  return existsSync(toolPath(name));
}

/**
 * Builds the program from modules that it downloads for this, and puts it in place in one step, so that an interrupted build
 * leaves nothing that looks finished and two at the same time do no harm.
 *
 * @throws with the last lines that Go wrote.
 */
export async function buildTool(name: GoToolName, tell: (text: string) => void): Promise<void> {
  const tool: GoTool = GO_TOOLS[name];
  const target = toolPath(name);
  mkdirSync(dirname(target), { recursive: true });
  const unfinished = `${target}.${process.pid}`;
  tell("downloading its modules");
  const total = lines(await go(name, ["list", "-deps", "tool"])).length;
  rememberDownload(join(__dirname, folderOf(name)));
  const stamp = `-s -w${versionFlag(tool, pinnedVersion(name))}`;
  let built = 0;
  await go(name, ["build", "-v", "-trimpath", "-ldflags", stamp, "-o", unfinished, tool.package], (text) => {
    built += lines(text).length;
    tell(`${built} of up to ${total} packages`);
  });
  renameSync(unfinished, target);
}

function folderOf(name: GoToolName): string {
  const { folder }: GoTool = GO_TOOLS[name];
  return folder ?? name;
}

function versionFlag({ versionVariable, versionPrefix = "" }: GoTool, version: string): string {
  return versionVariable === undefined ? "" : ` -X ${versionVariable}=${versionPrefix}${version}`;
}

async function go(name: GoToolName, args: readonly string[], onError?: (text: string) => void): Promise<string> {
  const child = spawn("go", args, {
    cwd: join(__dirname, folderOf(name)),
    env: freshModules(),
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  let error = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    error += text;
    onError?.(text);
  });
  const code = await new Promise<number | null>((resolve, reject) => child.on("error", reject).on("close", resolve));
  if (code === 0) return out;
  throw new Error(
    `go ${args[0] ?? ""} failed with exit code ${code ?? "none"}. ${lines(error).slice(-SHOWN_LINES).join(" | ")}`,
  );
}

function lines(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}
