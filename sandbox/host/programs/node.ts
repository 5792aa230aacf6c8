import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { pathToFileURL } from "node:url";

import type { Container, Finished, Process, Program } from "../docker/container";

const PRELOAD = pathToFileURL(join(__dirname, "node-mounts.mjs")).href;

/** The node image: really runs what is mounted, with this machine's node. */
export const node: Program = {
  async start(container): Promise<Process> {
    const child = launch(container, container.service.command ?? [], true);
    const output: string[] = [];
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding("utf8").on("data", (text: string) => void output.push(text));
    const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
    return Promise.resolve({
      probe: ([command, option, path = ""]) => {
        if (child.exitCode !== null) throw new Error(`exited (${child.exitCode}): ${output.join("")}`);
        if (command !== "test" || option !== "-s")
          throw new Error(`the sandbox does not know the health check ${command ?? ""}`);
        return Promise.resolve(isFilled(container.hostPath(path)));
      },
      stop: async () => {
        child.kill("SIGTERM");
        await ended;
      },
    });
  },
  async run(container, args, stdin): Promise<Finished> {
    const child = launch(container, args, false);
    child.stdin?.on("error", () => undefined).end(stdin);
    const [stdout, stderr, code] = await Promise.all([
      child.stdout ? buffer(child.stdout) : Buffer.of(),
      child.stderr ? buffer(child.stderr) : Buffer.of(),
      new Promise<number | null>((resolve, reject) => child.once("error", reject).once("close", resolve)),
    ]);
    return { code: code ?? 137, stdout: stdout.toString("utf8"), stderr: stderr.toString("utf8") };
  },
};

/** As the image's entrypoint: `node` in front of what is no command. */
function launch(container: Container, command: readonly string[], isService: boolean): ChildProcess {
  const [script = "", ...args] = command[0] === "node" ? command.slice(1) : command;
  const { environment, mounts } = container.service;
  return spawn(process.execPath, ["--import", PRELOAD, container.hostPath(script), ...args], {
    env: {
      ...environment,
      SANDBOX_CONTAINER: JSON.stringify({ mounts, ports: container.neighbours.ports(), isService }),
    },
    stdio: ["pipe", "pipe", "pipe"],
  });
}

function isFilled(path: string): boolean {
  return existsSync(path) && statSync(path).size > 0;
}
