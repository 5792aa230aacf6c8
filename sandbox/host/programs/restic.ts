import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";

import { isBuilt, toolPath } from "../../../tools/go-tool";
import { temporaryFolder } from "../../temporary";
import type { Container, Finished, Program } from "../docker/container";

/** Mounts of its own need root. */
export const HAS_RESTIC = process.getuid?.() === 0 && isBuilt("restic");

/** What a program needs of the machine beside its mounts. */
const SYSTEM = ["/usr", "/lib", "/lib64", "/etc", "/dev", "/proc"];

/**
 * The real restic, in the mounts that its container has.
 *
 * @param repository a folder in the place of the bucket, which the sandbox has only a model of; without one there is `resticLogins`
 */
export function restic(repository: string): Program {
  return { run: (container, args) => runIn(container, repository, args) };
}

async function runIn({ service }: Container, repository: string, args: readonly string[]): Promise<Finished> {
  mkdirSync(repository, { recursive: true });
  const root = temporaryFolder();
  const mounts = [...service.mounts, { source: repository, target: "/repository", readOnly: false }];
  const script = [
    "set -e",
    `mount -t tmpfs none '${root.path}'`,
    ...SYSTEM.map((path) => `if [ -d ${path} ]; then ${bind(path, join(root.path, path))}; fi`),
    `mkdir -p '${root.path}/tmp'; cp '${toolPath("restic")}' '${root.path}/restic'`,
    ...mounts.flatMap(({ source, target, readOnly }) => [
      bind(source, `${root.path}${target}`),
      ...(readOnly ? [`mount -o remount,bind,ro '${root.path}${target}'`] : []),
    ]),
    `exec chroot '${root.path}' /restic "$@"`,
  ].join("\n");
  const child = spawn("unshare", ["--mount", "bash", "-c", script, "restic", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", ...service.environment, RESTIC_REPOSITORY: "/repository" },
  });
  const [stdout, stderr, code] = await Promise.all([
    buffer(child.stdout),
    buffer(child.stderr),
    new Promise<number | null>((resolve, reject) => child.once("error", reject).once("close", resolve)),
  ]);
  root.remove();
  return { code: code ?? 137, stdout: stdout.toString("utf8"), stderr: stderr.toString("utf8") };
}

function bind(source: string, target: string): string {
  return `mkdir -p '${target}'; mount --bind '${source}' '${target}'`;
}
