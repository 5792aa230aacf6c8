import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";

import { type Forward, LOCAL_ADDRESS } from "../../../ops/client/local";
import { temporaryFolder } from "../../../sandbox/temporary";
import { toolPath } from "../../../tools/go-tool";
import { until } from "../traefik/client";
import { dial } from "../traefik/client";
import type { Internet } from "./internet";

/** A running `cloudflared access tcp`, with a home folder of its own. */
export interface Laptop {
  readonly port: number;
  /** What it has logged. */
  readonly log: () => string;
  readonly close: () => Promise<void>;
}

/**
 * Starts the real program with the arguments of the unit, but for the local port, which is a free one.
 *
 * @param token the application's token, where `cloudflared access login` keeps it
 */
export async function startLaptop(
  { command, localPort, hostname }: Forward,
  internet: Internet,
  { token, audience, more = [] }: { token?: string; audience?: string; more?: readonly string[] },
): Promise<Laptop> {
  const folder = temporaryFolder();
  const port = await freePort();
  const trust = join(folder.path, "trust.pem");
  writeFileSync(trust, internet.trust);
  mkdirSync(join(folder.path, ".cloudflared"), { mode: 0o700 });
  if (token !== undefined)
    writeFileSync(join(folder.path, ".cloudflared", `${hostname}-${audience ?? ""}-token`), token, { mode: 0o600 });
  const args = command
    .slice(1)
    .map((arg) => (arg === `${LOCAL_ADDRESS}:${localPort}` ? `${LOCAL_ADDRESS}:${port}` : arg));
  const child = spawn(toolPath("cloudflared"), [...args, ...more], {
    env: { HOME: folder.path, HTTPS_PROXY: internet.proxy, SSL_CERT_FILE: trust, PATH: "" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (log += text));
  const end = () => child.kill("SIGKILL");
  process.once("exit", end);
  const ended = hasEnded(child);
  const close = async () => {
    process.off("exit", end);
    end();
    await ended;
    folder.remove();
  };
  try {
    await until(async () => (await dial({ host: LOCAL_ADDRESS, port }, { from: LOCAL_ADDRESS })).destroy());
  } catch (error) {
    await close();
    throw new Error(`cloudflared does not listen: ${log}`, { cause: error });
  }
  return { port, log: () => log, close };
}

function hasEnded(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => child.once("exit", () => resolve()).once("error", () => resolve()));
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const holder = createServer();
    holder.listen(0, LOCAL_ADDRESS, () => {
      const { port } = holder.address() as AddressInfo;
      holder.close(() => resolve(port));
    });
  });
}
