import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, renameSync } from "node:fs";
import { dirname, join } from "node:path";

const MODULE = join(__dirname, "..", "..", "tools", "pulumi");
const PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi";
/** The last lines of a failed build that are shown. */
const SHOWN_LINES = 12;

/** `go1.26.8`, or undefined without a toolchain. */
export function goVersion(): string | undefined {
  const { status, stdout } = spawnSync("go", ["env", "GOVERSION"], { encoding: "utf8" });
  return status === 0 ? stdout.trim() : undefined;
}

/**
 * Builds the CLI from the module that tools/pulumi pins and puts it in place in one step, so that an interrupted build
 * leaves nothing that looks finished. The Automation API refuses a CLI without a version, hence the linker flag.
 */
export async function buildEngine(target: string, version: string, tell: (text: string) => void): Promise<void> {
  mkdirSync(dirname(target), { recursive: true });
  const unfinished = `${target}.${process.pid}`;
  tell("downloading its modules");
  const total = lines(await go(["list", "-deps", PACKAGE])).length;
  const stamp = `-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v${version}`;
  let built = 0;
  await go(["build", "-v", "-trimpath", "-ldflags", stamp, "-o", unfinished, PACKAGE], (text) => {
    built += lines(text).length;
    tell(`${built} of up to ${total} packages`);
  });
  renameSync(unfinished, target);
}

async function go(args: readonly string[], onError?: (text: string) => void): Promise<string> {
  const child = spawn("go", args, { cwd: MODULE, stdio: ["ignore", "pipe", "pipe"] });
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
