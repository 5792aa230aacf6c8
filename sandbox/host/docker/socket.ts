import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";

import { quoted } from "../../../infra/formats/shell";
import type { Engine, Result } from "./engine";

/** What the command line hands over. */
export interface Asked {
  readonly args: readonly string[];
  /** Absolute. */
  readonly cwd: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Base64. */
  readonly stdin: string;
}

export interface DockerCommand {
  /** To be put first on a PATH. */
  readonly folder: string;
  readonly close: () => Promise<void>;
}

/** Puts a command `docker` into a folder, whose calls the engine answers. */
export async function installDocker(folder: string, engine: Engine): Promise<DockerCommand> {
  mkdirSync(folder, { recursive: true });
  const socketPath = join(folder, "docker.sock");
  const client = join(folder, "client.mjs");
  copyFileSync(join(__dirname, "client.mjs"), client);
  const command = join(folder, "docker");
  writeFileSync(command, `#!/bin/sh\nexec ${quoted(process.execPath)} ${quoted(client)} ${quoted(socketPath)} "$@"\n`);
  chmodSync(command, 0o755);
  const server = createServer({ allowHalfOpen: true }, (socket) => void serve(socket, engine));
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(socketPath, resolve));
  return { folder, close: () => new Promise((resolve) => server.close(() => resolve())) };
}

async function serve(socket: Socket, engine: Engine): Promise<void> {
  socket.on("error", () => undefined);
  let result: Result;
  try {
    result = await engine.docker(JSON.parse(await text(socket)) as Asked);
  } catch (error) {
    // A defect of the model, not an answer of docker's.
    result = {
      code: 125,
      stdout: "",
      stderr: `sandbox: ${error instanceof Error ? (error.stack ?? "") : String(error)}\n`,
    };
  }
  socket.end(JSON.stringify(result));
}
