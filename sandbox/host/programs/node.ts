import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { pathToFileURL } from "node:url";

import { isProps } from "../../cloud/props";
import type { Container, Finished, Process, Program } from "../docker/container";
import { forward } from "../origin";

const PRELOAD = pathToFileURL(join(__dirname, "node-mounts.mjs")).href;

/** The node image: really runs what is mounted, with this machine's node. */
export const node: Program = {
  async start(container): Promise<Process> {
    const child = launch(container, container.service.command ?? [], true);
    const output: string[] = [];
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding("utf8").on("data", (text: string) => void output.push(text));
    const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
    const ports = new Map<number, number>();
    /** To know the ports of its neighbours it is asked for its own. */
    let isTelling = false;
    child.on("message", (message: unknown) => {
      if (!isProps(message)) return;
      const { port, loopback } = message;
      if (typeof port === "number" && typeof loopback === "number") ports.set(port, loopback);
    });
    return Promise.resolve({
      ports: () => {
        // The container that looks for it may be about to connect.
        if (!isTelling) {
          isTelling = true;
          void tellPorts(child, container).finally(() => (isTelling = false));
        }
        return ports;
      },
      http: (to, request) => {
        const loopback = ports.get(to.port);
        if (loopback === undefined) return undefined;
        return tellPorts(child, container).then(() => forward(loopback, request));
      },
      probe: async (test) => {
        if (child.exitCode !== null) throw new Error(`exited (${child.exitCode}): ${output.join("")}`);
        return await probe(test, container, ports);
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

/** Other containers may have been started again since, and have other ports on loopback. */
async function tellPorts(child: ChildProcess, container: Container): Promise<void> {
  if (!child.connected) return;
  const done = new AbortController();
  child.send({ ports: container.neighbours.ports() });
  // The process serves for long: what waited for the one event must not stay behind when the other came.
  await Promise.race(["message", "close"].map((event) => once(child, event, { signal: done.signal }).catch(() => [])));
  done.abort();
}

/** A file that is there, or a page that is answered with 200. */
async function probe(
  [command, ...args]: readonly string[],
  container: Container,
  ports: ReadonlyMap<number, number>,
): Promise<boolean> {
  const last = args.at(-1) ?? "";
  if (command === "test" && args[0] === "-s") return isFilled(container.hostPath(last));
  if (command !== "wget" || !URL.canParse(last))
    throw new Error(`the sandbox does not know the health check ${command ?? ""}`);
  const { port, pathname } = new URL(last);
  const loopback = ports.get(Number(port));
  if (loopback === undefined) return false;
  const { status } = await forward(loopback, { method: "GET", path: pathname, headers: {}, noTlsVerify: false });
  return status === 200;
}

/** As the image's entrypoint: `node` in front of what is no command. */
function launch(container: Container, command: readonly string[], isService: boolean): ChildProcess {
  const [script = "", ...args] = command[0] === "node" ? command.slice(1) : command;
  const { environment, mounts } = container.service;
  return spawn(process.execPath, ["--import", PRELOAD, container.hostPath(script), ...args], {
    env: {
      ...environment,
      SANDBOX_CONTAINER: JSON.stringify({ mounts, ports: container.neighbours.ports(), isService }),
    },
    stdio: ["pipe", "pipe", "pipe", ...(isService ? (["ipc"] as const) : [])],
  });
}

function isFilled(path: string): boolean {
  return existsSync(path) && statSync(path).size > 0;
}
