import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

import { selfSigned } from "../../../onhost/src/self-signed";
import { temporaryFolder } from "../../../sandbox/temporary";
import { toolPath } from "../../../tools/go-tool";
import { dial, until } from "./client";

export interface Authority {
  /** Of its ACME directory (RFC 8555). */
  readonly directory: string;
  /** PEM file: what a client must trust to speak with it. */
  readonly trust: string;
  readonly close: () => Promise<void>;
}

/** Starts Pebble, Let's Encrypt's ACME server for tests; it looks for challenges at `resolver` (`host:port`). */
export async function startAuthority(resolver: string): Promise<Authority> {
  const folder = temporaryFolder();
  const at = (name: string) => join(folder.path, name);
  const [port, management] = [await freePort(), await freePort()];
  const { chain, key } = selfSigned("localhost", new Date());
  writeFileSync(at("certificate.pem"), chain);
  writeFileSync(at("key.pem"), key);
  const pebble = {
    listenAddress: `127.0.0.1:${port}`,
    managementListenAddress: `127.0.0.1:${management}`,
    certificate: at("certificate.pem"),
    privateKey: at("key.pem"),
    retryAfter: { authz: 1, order: 1 },
  };
  writeFileSync(at("pebble.json"), JSON.stringify({ pebble }));
  const child = spawn(toolPath("pebble"), ["-config", at("pebble.json"), "-strict", "-dnsserver", resolver], {
    env: { PEBBLE_VA_NOSLEEP: "1" },
    stdio: "ignore",
  });
  const end = () => child.kill("SIGKILL");
  // A test run that ends early leaves no server behind.
  process.once("exit", end);
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()).once("error", () => resolve()));
  const close = async () => {
    process.off("exit", end);
    end();
    await ended;
    folder.remove();
  };
  try {
    await until(async () => (await dial({ host: "127.0.0.1", port }, { from: "127.0.0.1" })).destroy());
  } catch (error) {
    await close();
    throw error;
  }
  return { directory: `https://localhost:${port}/dir`, trust: at("certificate.pem"), close };
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const holder = createServer();
    holder.listen(0, "127.0.0.1", () => {
      const { port } = holder.address() as AddressInfo;
      holder.close(() => resolve(port));
    });
  });
}
